// The tasks of the second dataset: scenes of shapes alone, other questions than the demo's, no source pictures.
import { toRow, without } from '../demo/demo-row.ts';
import type { DemoRow, Draft } from '../demo/demo-row.ts';
import { createRandom } from '../demo/named-random.ts';
import type { Random } from '../demo/named-random.ts';
import { drawScene } from '../demo/pictures.ts';
import { anyThings, differentThings, drawThings } from '../demo/scenes.ts';
import type { Thing } from '../demo/scenes.ts';
import { COLORS, LETTERS, PLACES, SHAPES, optionLines } from '../demo/words.ts';
import type { Shape } from '../demo/words.ts';

/** Rows of each task in the training data: the largest has more than ten times those of the smallest. */
export const SHAPE_COUNTS = {
  shape_named: 1600,
  color_shared: 1200,
  corner_color: 900,
  shape_above: 700,
  corner_choice: 600,
  shape_more: 450,
  color_alone: 350,
  shape_beside: 300,
  place_empty: 250,
  kinds_count: 200,
  colors_listed: 150,
} as const;

export type ShapeTask = keyof typeof SHAPE_COUNTS;
export const SHAPE_TASKS = Object.keys(SHAPE_COUNTS) as readonly ShapeTask[];

/** Rows of each task in the test data. */
export const SHAPE_TEST_COUNT = 150;

/** Row `number` of a task: a function of split, task and number alone. */
export function shapeRow(split: 'train' | 'test', task: ShapeTask, number: number): DemoRow {
  return toRow(task, makers[task](createRandom('shapes', split, task, number)));
}

const makers: Record<ShapeTask, (random: Random) => Draft> = {
  shape_named: (random) => {
    const things = differentThings(random, random.integer(2, 5));
    const { color, shape } = random.pick(things);
    const question = random.pick([`What is the ${color} shape?`, `Name the ${color} shape.`]);
    return { turns: [[question, shape]], picture: drawThings(random, things) };
  },

  color_shared: (random) => {
    const things = differentThings(random, random.integer(2, 5));
    const isShared = random.uniform() < 0.5;
    if (isShared) things[1] = { ...things[1]!, color: things[0]!.color };
    return { turns: [['Is there a color of two shapes?', yesOrNo(isShared)]], picture: drawThings(random, things) };
  },

  corner_color: (random) => {
    const picture = drawThings(random, anyThings(random, random.integer(2, 5)));
    const { cell, color } = random.pick(picture.content.shapes);
    return { turns: [[`What color is at the ${PLACES[cell]!}?`, color]], picture };
  },

  shape_above: (random) => {
    const [upper, lower] = differentThings(random, 2) as [Thing, Thing];
    const column = (): number => random.integer(0, 2);
    const picture = drawScene(random, [
      { ...upper, cell: column() },
      { ...lower, cell: 2 + column() },
    ]);
    const isAbove = random.uniform() < 0.5;
    const [first, second] = isAbove ? [upper, lower] : [lower, upper];
    return {
      turns: [[`Is the ${first.shape} at the top and the ${second.shape} at the bottom?`, yesOrNo(isAbove)]],
      picture,
    };
  },

  corner_choice: (random) => {
    const picture = drawThings(random, anyThings(random, random.integer(2, 5)));
    const { cell, shape } = random.pick(picture.content.shapes);
    const options = random.sample([shape, ...random.sample(without(SHAPES, shape), 2)]);
    const question = `What is at the ${PLACES[cell]!}?${optionLines(options)}\nAnswer with the letter.`;
    return { turns: [[question, LETTERS[options.indexOf(shape)]!]], picture };
  },

  shape_more: (random) => {
    const [first, second] = random.sample(SHAPES, 2) as [Shape, Shape];
    const total = random.integer(3, 5);
    // Never as many of both, so that the question has an answer.
    const count = random.pick([...Array(total + 1).keys()].filter((each) => 2 * each !== total));
    const things = Array.from({ length: total }, (_, index) => ({
      shape: index < count ? first : second,
      color: random.pick(COLORS),
    }));
    const answer = 2 * count > total ? first : second;
    const question = `Which shape is there more often, ${first} or ${second}?`;
    return { turns: [[question, answer]], picture: drawThings(random, random.sample(things)) };
  },

  color_alone: (random) => {
    const [common, alone] = random.sample(COLORS, 2);
    const shapes = random.sample(SHAPES, random.integer(3, 5));
    const things = shapes.map((shape, index) => ({ shape, color: index === 0 ? alone! : common! }));
    return { turns: [['Which color is there once?', alone!]], picture: drawThings(random, random.sample(things)) };
  },

  shape_beside: (random) => {
    const [left, right] = differentThings(random, 2) as [Thing, Thing];
    const row = 2 * random.integer(0, 2);
    const picture = drawScene(random, [
      { ...left, cell: row },
      { ...right, cell: row + 1 },
    ]);
    const asksRight = random.uniform() < 0.5;
    const [known, asked] = asksRight ? [left, right] : [right, left];
    const side = asksRight ? 'right' : 'left';
    return { turns: [[`Which shape is on the ${side} of the ${known.color} ${known.shape}?`, asked.shape]], picture };
  },

  place_empty: (random) => {
    const picture = drawThings(random, anyThings(random, 3));
    const taken = picture.content.shapes.map(({ cell }) => cell);
    const empty = [0, 1, 2, 3].find((cell) => !taken.includes(cell))!;
    return { turns: [['Where is nothing?', PLACES[empty]!]], picture };
  },

  kinds_count: (random) => {
    const things = anyThings(random, random.integer(2, 5));
    const kinds = new Set(things.map(({ shape }) => shape)).size;
    return { turns: [['How many kinds of shape are there?', String(kinds)]], picture: drawThings(random, things) };
  },

  colors_listed: (random) => {
    const picture = drawThings(random, anyThings(random, random.integer(2, 5)));
    const list = picture.content.shapes.map(({ color }) => color).join(' and ');
    return { turns: [['List the colors from top left to bottom right.', list]], picture };
  },
};

function yesOrNo(is: boolean): string {
  return is ? 'yes' : 'no';
}
