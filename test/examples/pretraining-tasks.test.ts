import { describe, expect, test } from 'vitest';
import type { DemoRow } from '../../examples/demo/demo-row.ts';
import { MIXTURES, PHASES, heldOutRows, pretrainingRows } from '../../examples/demo/pretraining-tasks.ts';
import { namesGarment, rightAnswer } from './right-answer.ts';
import { syntheticSources } from './synthetic-sources.ts';

const sources = syntheticSources();
const ROW_COUNT = 3000;
const rows = new Map(PHASES.map((phase) => [phase, [...pretrainingRows(phase, ROW_COUNT, 1, sources)]]));
const held = PHASES.flatMap((phase) => [...heldOutRows(phase, 50, 1, sources)]);

function textAnswer(question: string): string {
  const sum = /What is (\d) plus (\d)\?/.exec(question);
  if (sum) return String(Number(sum[1]) + Number(sum[2]));
  const [statement, asked] = question.split(/\. (?=How|Where|Is )/);
  if (asked?.startsWith('How often')) {
    const word = /How often is (.*) in/.exec(asked)![1];
    return String(statement!.split(', ').filter((item) => item === word).length);
  }
  if (asked?.startsWith('Where')) {
    const word = /Where is (.*)\?/.exec(asked)![1];
    return statement!
      .split(', ')
      .find((item) => item.endsWith(` ${word}`))!
      .split(' ')
      .slice(0, 2)
      .join(' ');
  }
  const word = /^The word is ([a-z-]+)/.exec(question)![1];
  if (asked?.startsWith('Is it')) return asked === `Is it ${word}?` ? 'yes' : 'no';
  return question.split('\n').find((line) => line.slice(3) === word)![0]!;
}

function isRight(row: DemoRow): boolean {
  const [question, answer] = row.turns[0]!;
  if (row.content === null) return answer === textAnswer(question);
  if (row.task === 'p_garment' && row.content.kind === 'garments')
    return namesGarment(answer, row.content.garments[0]!);
  return answer === rightAnswer(question, row.content);
}

describe('pretraining tasks', () => {
  test('the shares of each mixture sum to 1', () => {
    for (const phase of PHASES) {
      const shares: number[] = Object.values(MIXTURES[phase]);
      expect([shares.reduce((a, b) => a + b)]).toBeAllclose([1], { rtol: 1e-12, atol: 0 });
    }
  });

  test('each phase draws its tasks in the shares of its mixture', () => {
    for (const phase of PHASES) {
      const tasks = rows.get(phase)!.map((row) => row.task);
      for (const [task, share] of Object.entries(MIXTURES[phase])) {
        const drawn = tasks.filter((other) => other === task).length / ROW_COUNT;
        expect([drawn]).toBeAllclose([share], { rtol: 0, atol: 0.03 }); // above 3 standard errors
      }
      expect(tasks.every((task) => task in MIXTURES[phase])).toBe(true);
    }
  });

  test('every answer is right', () => {
    const wrong = [...rows.values(), held].flat().filter((row) => !isRight(row));
    expect(wrong.map((row) => [row.task, row.turns, row.content])).toEqual([]);
  });

  test('text-only rows have no picture, all others have one of 56 × 56', () => {
    for (const row of [...rows.values()].flat()) expect(row.image?.length ?? 0).toBe(row.task === 'p_text' ? 0 : 9408);
  });

  test('no question of the demo is asked', () => {
    const demo =
      /What garment|Name the item|shown here|Is this a|What color|Which one|What number|Read the|How many \w+ shapes|on the (left|right)\?|Where is the|sum of|left to right/;
    for (const row of [...rows.values()].flat()) expect(row.turns[0]![0]).not.toMatch(demo);
  });

  test('rows draw on the pictures of split pretraining alone, held-out rows on those of split test', () => {
    const [pretraining, test] = [sources.pretraining, sources.test].map(
      ({ garments, digits }) => new Set([...garments.ids, ...digits.ids]),
    );
    for (const id of [...rows.values()].flat().flatMap((row) => row.sourceIds)) expect(pretraining!.has(id)).toBe(true);
    for (const id of held.flatMap((row) => row.sourceIds)) expect(test!.has(id)).toBe(true);
  });

  test('held-out rows are as many for every task of the phase', () => {
    const tasks = [...heldOutRows(3, 4, 1, sources)].map((row) => row.task);
    expect(tasks).toEqual(Object.keys(MIXTURES[3]).flatMap((task) => [task, task, task, task]));
  });

  test('a longer run begins with the rows of a shorter one, and another seed gives other rows', () => {
    expect([...pretrainingRows(2, 20, 1, sources)]).toEqual(rows.get(2)!.slice(0, 20));
    expect([...pretrainingRows(2, 20, 2, sources)]).not.toEqual(rows.get(2)!.slice(0, 20));
  });
});
