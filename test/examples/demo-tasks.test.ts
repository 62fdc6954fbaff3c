import { describe, expect, test } from 'vitest';
import { namedRows } from '../../examples/demo/data-rows.ts';
import { DEMO_TASKS, TRAIN_COUNTS, demoRow } from '../../examples/demo/demo-tasks.ts';
import { rightAnswer } from './right-answer.ts';
import { syntheticSources } from './synthetic-sources.ts';

const sources = syntheticSources();
const train = namedRows(sources.train);
const held = namedRows(sources.test);

/** Questions as written in the documentation; `…` stands for words that vary. */
const QUESTIONS: Record<keyof typeof TRAIN_COUNTS, RegExp> = {
  garment_name: /^(What garment is this\?|Name the item in the picture\.|What is shown here\?)$/,
  garment_check: /^Is this a [a-z-]+\?$/,
  scene_color: /^What color is the [a-z]+\?$/,
  garment_choice: /^Which one is it\?\nA\. [a-z-]+\nB\. [a-z-]+\nC\. [a-z-]+\nAnswer with the letter\.$/,
  digit_read: /^(What number is this\?|Read the number\.)$/,
  scene_count: /^How many ((circle|square|triangle|star)s|crosses|[a-z]+ shapes) are there\?$/,
  garment_pair: /^Which garment is on the (left|right)\?$/,
  scene_where: /^Where is the [a-z]+ [a-z]+\?$/,
  digit_sum: /^What is the sum of the two digits\?$/,
  scene_caption: /^Describe the scene from left to right\.$/,
};

function count<Item>(items: Iterable<Item>): Map<Item, number> {
  const counts = new Map<Item, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

describe('demo tasks', () => {
  test('training has 7,960 rows in ten tasks, the test 200 rows of each', () => {
    expect(Object.fromEntries(count(train.map((row) => row.task)))).toEqual(TRAIN_COUNTS);
    expect(train).toHaveLength(7960);
    expect([...count(held.map((row) => row.task)).values()]).toEqual(new Array(10).fill(200));
  });

  test('every answer is right', () => {
    for (const row of [...train, ...held]) {
      for (const [question, answer] of row.turns) expect(answer).toBe(rightAnswer(question, row.content!));
    }
  });

  test('every question has the wording of its task', () => {
    for (const row of [...train, ...held])
      for (const [question] of row.turns) expect(question).toMatch(QUESTIONS[row.task]);
  });

  test('40 % of garment_check and scene_color have two turns, with two questions; all other rows have one', () => {
    for (const task of DEMO_TASKS) {
      const rows = train.filter((row) => row.task === task);
      const two = rows.filter((row) => row.turns.length === 2);
      const expected = task === 'garment_check' || task === 'scene_color' ? 0.4 : 0;
      expect([two.length / rows.length]).toBeAllclose([expected], { rtol: 0, atol: 0.045 }); // 3 standard errors
      for (const { turns } of two) expect(turns[0]![0]).not.toBe(turns[1]![0]);
    }
    expect(held.every((row) => row.turns.length === 1)).toBe(true);
  });

  test('yes and no, the letters and the sides are each as frequent as the others', () => {
    for (const task of ['garment_check', 'garment_choice'] as const) {
      const answers = count(
        train.filter((row) => row.task === task).flatMap((row) => row.turns.map(([, answer]) => answer)),
      );
      const shares = [...answers.values()].map((hits) => hits / [...answers.values()].reduce((a, b) => a + b));
      expect(shares).toBeAllclose(new Array(answers.size).fill(1 / answers.size), { rtol: 0, atol: 0.05 });
    }
  });

  test('scene questions have one answer: asked shapes and colors are unique', () => {
    for (const row of train.filter(({ task }) => task === 'scene_color' || task === 'scene_where')) {
      const shapes = row.content!.kind === 'scene' ? row.content!.shapes : [];
      expect(new Set(shapes.map((item) => item.shape)).size).toBe(shapes.length);
    }
  });

  test('no two shapes of a scene share a cell, and those of a caption stand in different columns', () => {
    for (const { task, content } of [...train, ...held]) {
      if (content?.kind !== 'scene') continue;
      const cells = content.shapes.map((item) => item.cell);
      expect(new Set(cells).size).toBe(cells.length);
      if (task === 'scene_caption') expect(cells.map((cell) => cell % 2)).toEqual([0, 1]);
    }
  });

  test('a row depends on split, task and number alone', () => {
    const again = demoRow('digit_sum', 123, sources.train);
    const row = train.find(({ id }) => id === 'digit_sum-00123')!;
    expect({ ...again, id: row.id }).toEqual(row);
    expect(demoRow('digit_sum', 123, sources.test).image).not.toEqual(row.image);
  });

  test('train and test share no source picture', () => {
    const used = new Set(train.flatMap((row) => row.sourceIds));
    expect(held.flatMap((row) => row.sourceIds).filter((id) => used.has(id))).toEqual([]);
    expect(used.size).toBeGreaterThan(2500);
  });
});
