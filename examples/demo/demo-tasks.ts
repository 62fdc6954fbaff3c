// The demo's tasks: how many rows each has, and how one is made.
import { toRow, without, type DemoRow, type TaskMaker, type Turn } from './demo-row.ts';
import { drawDigits, drawGarment, drawGarmentPair, drawScene } from './pictures.ts';
import { createRandom, type Random } from './named-random.ts';
import { differentThings, drawThings, type Thing } from './scenes.ts';
import type { SourceSplit } from './sources.ts';
import { COLORS, GARMENTS, LETTERS, PLACES, SHAPES, optionLines } from './words.ts';

/** Rows of each task in the training data. */
export const TRAIN_COUNTS = {
  garment_name: 2000,
  garment_check: 1500,
  scene_color: 1200,
  garment_choice: 900,
  digit_read: 700,
  scene_count: 500,
  garment_pair: 400,
  scene_where: 300,
  digit_sum: 300,
  scene_caption: 160,
} as const;

export type DemoTask = keyof typeof TRAIN_COUNTS;
export const DEMO_TASKS = Object.keys(TRAIN_COUNTS) as readonly DemoTask[];

/** Rows of each task in the test data. */
export const TEST_COUNT = 200;

/** Share of the training rows of `garment_check` and `scene_color` that have two turns; test rows have one. */
const TWO_TURN_FRACTION = 0.4;

/** Row `number` of a task: a function of split, task and number alone, and of the source pictures. */
export function demoRow(task: DemoTask, number: number, sources: SourceSplit): DemoRow {
  return toRow(task, makers[task](createRandom('demo', sources.split, task, number), sources));
}

const makers: Record<DemoTask, TaskMaker> = {
  garment_name: (random, sources) => {
    const picture = drawGarment(random, sources);
    const question = random.pick(['What garment is this?', 'Name the item in the picture.', 'What is shown here?']);
    return { turns: [[question, picture.content.garments[0]!]], picture };
  },

  garment_check: (random, sources) => {
    const picture = drawGarment(random, sources);
    const garment = picture.content.garments[0]!;
    // of two turns one is yes and one is no: half each, and no question twice
    const turns = random.sample<Turn>([
      [`Is this a ${garment}?`, 'yes'],
      [`Is this a ${random.pick(without(GARMENTS, garment))}?`, 'no'],
    ]);
    return { turns: turns.slice(0, turnCount(random, sources)), picture };
  },

  scene_color: (random, sources) => {
    const things = differentThings(random, random.integer(2, 4));
    const asked = random.sample(things, turnCount(random, sources));
    return {
      turns: asked.map(({ shape, color }) => [`What color is the ${shape}?`, color]),
      picture: drawThings(random, things),
    };
  },

  garment_choice: (random, sources) => {
    const picture = drawGarment(random, sources);
    const garment = picture.content.garments[0]!;
    const options = random.sample([garment, ...random.sample(without(GARMENTS, garment), 2)]);
    const question = `Which one is it?${optionLines(options)}\nAnswer with the letter.`;
    return { turns: [[question, LETTERS[options.indexOf(garment)]!]], picture };
  },

  digit_read: (random, sources) => {
    const picture = drawDigits(random, sources, random.integer(1, 4));
    const question = random.pick(['What number is this?', 'Read the number.']);
    return { turns: [[question, picture.content.digits.join('')]], picture };
  },

  scene_count: (random) => {
    const count = random.integer(2, 5);
    const hits = random.integer(0, count + 1);
    const { question, things } = random.pick([countedByShape, countedByColor])(random, hits, count);
    return { turns: [[question, String(hits)]], picture: drawThings(random, random.sample(things)) };
  },

  garment_pair: (random, sources) => {
    const picture = drawGarmentPair(random, sources);
    const side = random.pick(['left', 'right'] as const);
    const garment = picture.content.garments[side === 'left' ? 0 : 1]!;
    return { turns: [[`Which garment is on the ${side}?`, garment]], picture };
  },

  scene_where: (random) => {
    const picture = drawThings(random, differentThings(random, random.integer(2, 5)));
    const { color, shape, cell } = random.pick(picture.content.shapes);
    return { turns: [[`Where is the ${color} ${shape}?`, PLACES[cell]!]], picture };
  },

  digit_sum: (random, sources) => {
    const picture = drawDigits(random, sources, 2);
    const sum = picture.content.digits.reduce((total, digit) => total + digit, 0);
    return { turns: [['What is the sum of the two digits?', String(sum)]], picture };
  },

  scene_caption: (random) => {
    const [left, right] = differentThings(random, 2) as [Thing, Thing];
    const caption = `a ${left.color} ${left.shape} and a ${right.color} ${right.shape}`;
    const shapes = [
      { ...left, cell: random.pick([0, 2]) },
      { ...right, cell: random.pick([1, 3]) },
    ];
    return { turns: [['Describe the scene from left to right.', caption]], picture: drawScene(random, shapes) };
  },
};

function turnCount(random: Random, { split }: SourceSplit): number {
  return split === 'train' && random.uniform() < TWO_TURN_FRACTION ? 2 : 1;
}

/** `hits` things of one shape and others of other shapes, of any color. */
function countedByShape(random: Random, hits: number, count: number): { question: string; things: Thing[] } {
  const shape = random.pick(SHAPES);
  const plural = shape === 'cross' ? 'crosses' : `${shape}s`;
  const things = Array.from({ length: count }, (_, index) => ({
    shape: index < hits ? shape : random.pick(without(SHAPES, shape)),
    color: random.pick(COLORS),
  }));
  return { question: `How many ${plural} are there?`, things };
}

/** `hits` things of one color and others of other colors, of any shape. */
function countedByColor(random: Random, hits: number, count: number): { question: string; things: Thing[] } {
  const color = random.pick(COLORS);
  const things = Array.from({ length: count }, (_, index) => ({
    shape: random.pick(SHAPES),
    color: index < hits ? color : random.pick(without(COLORS, color)),
  }));
  return { question: `How many ${color} shapes are there?`, things };
}
