// The second dataset: its answers follow from what its pictures show.
import { describe, expect, test } from 'vitest';
import type { SceneContent, SceneShape } from '../../examples/demo/pictures.ts';
import { SHAPE_COUNTS, SHAPE_TASKS, shapeRow } from '../../examples/shapes/shape-tasks.ts';
import type { ShapeTask } from '../../examples/shapes/shape-tasks.ts';
import { TRAIN_COUNTS } from '../../examples/demo/demo-tasks.ts';

const ROWS = 60;
const PLACES = ['top left', 'top right', 'bottom left', 'bottom right'];

/** The answer by another reading of the question than that which made it. */
const ANSWERS: Record<ShapeTask, (question: string, shapes: readonly SceneShape[]) => string> = {
  shape_named: (question, shapes) => shapes.find(({ color }) => question.includes(` ${color} `))!.shape,
  color_shared: (_, shapes) => (new Set(shapes.map(({ color }) => color)).size < shapes.length ? 'yes' : 'no'),
  corner_color: (question, shapes) => shapes.find(({ cell }) => question.includes(PLACES[cell]!))!.color,
  shape_above: (question, shapes) => {
    const [, top] = /^Is the (\w+) at the top and the (\w+) at the bottom\?$/.exec(question)!;
    return shapes.find(({ shape }) => shape === top)!.cell < 2 ? 'yes' : 'no';
  },
  corner_choice: (question, shapes) => {
    const { shape } = shapes.find(({ cell }) => question.includes(PLACES[cell]!))!;
    return new RegExp(`^([ABC])\\. ${shape}$`, 'm').exec(question)![1]!;
  },
  shape_more: (question, shapes) => {
    const [, first, second] = /, (\w+) or (\w+)\?$/.exec(question)!;
    const count = (name: string) => shapes.filter(({ shape }) => shape === name).length;
    expect(count(first!)).not.toBe(count(second!));
    return count(first!) > count(second!) ? first! : second!;
  },
  color_alone: (_, shapes) => {
    const alone = shapes.filter(({ color }) => shapes.filter((other) => other.color === color).length === 1);
    expect(alone).toHaveLength(1);
    return alone[0]!.color;
  },
  shape_beside: (question, shapes) => {
    const [, , known] = /on the (left|right) of the \w+ (\w+)\?$/.exec(question)!;
    return shapes.find(({ shape }) => shape !== known)!.shape;
  },
  place_empty: (_, shapes) => PLACES.find((_place, cell) => shapes.every((shape) => shape.cell !== cell))!,
  kinds_count: (_, shapes) => String(new Set(shapes.map(({ shape }) => shape)).size),
  colors_listed: (_, shapes) =>
    [...shapes]
      .sort((left, right) => left.cell - right.cell)
      .map(({ color }) => color)
      .join(' and '),
};

describe.each(SHAPE_TASKS)('%s', (task) => {
  const rows = Array.from({ length: ROWS }, (_, number) => shapeRow('train', task, number));

  test('has the answer that its picture shows', () => {
    for (const { turns, content } of rows) {
      const [question, answer] = turns[0]!;
      expect(answer).toBe(ANSWERS[task](question, (content as SceneContent).shapes));
    }
  });

  test('asks about many pictures, gives more than one answer, and has other rows in the test', () => {
    expect(new Set(rows.map(({ image }) => Buffer.from(image!).toString('base64'))).size).toBe(ROWS);
    expect(new Set(rows.map(({ turns }) => turns[0]![1])).size).toBeGreaterThan(1);
    const tests = Array.from({ length: 5 }, (_, number) => shapeRow('test', task, number));
    tests.forEach(({ image }, number) => expect(image).not.toEqual(rows[number]!.image));
  });
});

test('tasks are other than the demo’s, and the largest has ten times the rows of the smallest', () => {
  expect(SHAPE_TASKS.filter((task) => Object.hasOwn(TRAIN_COUNTS, task))).toEqual([]);
  const counts = Object.values(SHAPE_COUNTS);
  expect(Math.max(...counts)).toBeGreaterThan(10 * Math.min(...counts));
});
