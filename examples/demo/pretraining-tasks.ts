// The mixtures that the demo's model is pretrained on.
import { toRow, without, type Draft, type DemoRow, type TaskMaker } from './demo-row.ts';
import { drawDigits, drawGarment, drawGarmentPair } from './pictures.ts';
import { languageDraft } from './pretraining-language.ts';
import { createRandom, type Random } from './named-random.ts';
import { anyThings, differentThings, drawThings } from './scenes.ts';
import type { SourceSplit, Sources } from './sources.ts';
import { COLORS, DIGITS, GARMENTS, LETTERS, PLACES, SHAPES, optionLines } from './words.ts';

export type Phase = 1 | 2 | 3;
export const PHASES = [1, 2, 3] as const;

/**
 * Share of each task in the three phases: see (captions), answer (questions unlike the demo's), relate (the demo's
 * skills in another form: sentences that contain the answer).
 */
export const MIXTURES = {
  1: { p_garment: 0.3, p_pair: 0.12, p_digits: 0.16, p_scene: 0.22, p_text: 0.2 },
  2: {
    p_garment: 0.1,
    p_pair: 0.08,
    p_digits: 0.12,
    p_scene: 0.05,
    p_text: 0.1,
    p_at: 0.1,
    p_find: 0.1,
    p_is: 0.13,
    p_letter: 0.12,
    p_count: 0.04,
    p_nth: 0.06,
  },
  3: {
    p_garment: 0.04,
    p_pair: 0.06,
    p_digits: 0.1,
    p_text: 0.04,
    p_find: 0.04,
    p_is: 0.08,
    p_letter: 0.08,
    p_nth: 0.04,
    p_about: 0.22,
    p_right: 0.12,
    p_option: 0.1,
    p_tally: 0.08,
  },
} as const satisfies Record<Phase, Partial<Record<PretrainingTask, number>>>;

/**
 * Rows of a phase, drawn from its mixture with the source pictures of split `pretraining`. Row i depends on phase, seed
 * and i alone: a longer run begins with the rows of a shorter one.
 */
export function* pretrainingRows(phase: Phase, count: number, seed: number, sources: Sources): Generator<DemoRow> {
  const mixture = Object.entries(MIXTURES[phase]) as [PretrainingTask, number][];
  for (let number = 0; number < count; number += 1) {
    const random = createRandom('pretraining', phase, seed, number);
    const task = pickWeighted(random, mixture);
    yield toRow(task, makers[task](random, sources.pretraining));
  }
}

/** Held-out rows of a phase: `countPerTask` of each of its tasks, with the source pictures of split `test`. */
export function* heldOutRows(phase: Phase, countPerTask: number, seed: number, sources: Sources): Generator<DemoRow> {
  for (const task of Object.keys(MIXTURES[phase]) as PretrainingTask[]) {
    for (let number = 0; number < countPerTask; number += 1) {
      yield toRow(task, makers[task](createRandom('held-out', phase, seed, task, number), sources.test));
    }
  }
}

const makers = {
  p_garment: (random, sources) => {
    const picture = drawGarment(random, sources);
    const question = random.pick(['Describe the image briefly.', 'Give a short caption.', 'What can you see?']);
    const start = random.pick(['A photo of a', 'The picture shows a']);
    return { turns: [[question, `${start} ${picture.content.garments[0]!}.`]], picture };
  },

  p_pair: (random, sources) => {
    const picture = drawGarmentPair(random, sources);
    const [left, right] = picture.content.garments;
    return { turns: [[captionQuestion(random), `A ${left} on the left and a ${right} on the right.`]], picture };
  },

  p_digits: (random, sources) => {
    const picture = drawDigits(random, sources, random.integer(1, 4));
    const { digits } = picture.content;
    const answer = `${digits.length === 1 ? 'The digit' : 'The digits'} ${digits.join(' and ')}.`;
    return { turns: [[captionQuestion(random), answer]], picture };
  },

  p_scene: (random) => {
    const picture = drawThings(random, anyThings(random, random.integer(1, 4)));
    const list = picture.content.shapes.map(({ cell, color, shape }) => `${PLACES[cell]!} ${color} ${shape}`);
    return { turns: [['List the shapes.', `${list.join(', ')}.`]], picture };
  },

  p_text: (random) => languageDraft(random),

  p_at: (random) => {
    const picture = drawThings(random, anyThings(random, random.integer(1, 4)));
    const { shapes } = picture.content;
    const cell = random.uniform() < 0.3 ? random.integer(0, 4) : random.pick(shapes).cell;
    const found = shapes.find((shape) => shape.cell === cell);
    return {
      turns: [[`What is at the ${PLACES[cell]!}?`, found ? `${found.color} ${found.shape}` : 'nothing']],
      picture,
    };
  },

  p_find: (random) => {
    const things = differentThings(random, random.integer(2, 5));
    const { shape, color } = random.pick(things);
    return { turns: [[`Which shape is ${color}?`, shape]], picture: drawThings(random, things) };
  },

  p_is: (random, sources) => (random.uniform() < 0.4 ? isDigit(random, sources) : isThere(random)),

  p_letter: (random, sources) => {
    if (random.uniform() < 0.4) {
      const picture = drawDigits(random, sources, 1);
      return { turns: [letterTurn(random, picture.content.digits[0]!, DIGITS)], picture };
    }
    const things = anyThings(random, 1);
    const { shape, color } = things[0]!;
    const turn = random.uniform() < 0.5 ? letterTurn(random, shape, SHAPES) : letterTurn(random, color, COLORS);
    return { turns: [turn], picture: drawThings(random, things) };
  },

  p_count: (random) => {
    const count = random.integer(0, 5);
    return {
      turns: [['How many shapes are there?', String(count)]],
      picture: drawThings(random, anyThings(random, count)),
    };
  },

  p_nth: (random, sources) => {
    const picture = drawDigits(random, sources, random.integer(2, 4));
    const { digits } = picture.content;
    const index = random.integer(0, digits.length);
    const place = ['first', 'second', 'third'][index]!;
    return { turns: [[`What is the ${place} digit?`, String(digits[index]!)]], picture };
  },

  p_about: (random) => {
    const picture = drawThings(random, differentThings(random, random.integer(2, 5)));
    const { shape, color, cell } = random.pick(picture.content.shapes);
    const byShape = random.uniform() < 0.65;
    return {
      turns: [
        byShape
          ? [`Tell me about the ${shape}.`, `It is ${color} and at the ${PLACES[cell]!}.`]
          : [`Tell me about the ${color} shape.`, `It is a ${shape} at the ${PLACES[cell]!}.`],
      ],
      picture,
    };
  },

  p_right: (random, sources) => {
    const picture = drawGarment(random, sources);
    const garment = picture.content.garments[0]!;
    if (random.uniform() < 0.5) return { turns: [[`I think it is a ${garment}.`, 'yes, you are right.']], picture };
    const guess = random.pick(without(GARMENTS, garment));
    return { turns: [[`I think it is a ${guess}.`, `no, it is a ${garment}.`]], picture };
  },

  p_option: (random, sources) => {
    const picture = drawGarment(random, sources);
    const garment = picture.content.garments[0]!;
    const options = threeOptions(random, garment, GARMENTS);
    const question = `Options:${optionLines(options)}\nWhich option fits?`;
    return { turns: [[question, `${LETTERS[options.indexOf(garment)]!}. ${garment}`]], picture };
  },

  p_tally: (random) => {
    let things = anyThings(random, random.integer(2, 5));
    // half of the scenes draw from two shapes and two colors at most, or most counts would be 1
    if (random.uniform() < 0.5) {
      const [first, second] = [things[0]!, things[1]!];
      things = things.map(() => ({
        shape: random.pick([first, second]).shape,
        color: random.pick([first, second]).color,
      }));
    }
    const [question, counts] =
      random.uniform() < 0.5
        ? [
            'Count each kind of shape.',
            tally(
              things.map((thing) => thing.shape),
              SHAPES,
            ),
          ]
        : [
            'Count each color.',
            tally(
              things.map((thing) => thing.color),
              COLORS,
            ),
          ];
    return { turns: [[question!, counts!]], picture: drawThings(random, things) };
  },
} satisfies Record<string, TaskMaker>;

export type PretrainingTask = keyof typeof makers;

function captionQuestion(random: Random): string {
  return random.pick(['Describe the image briefly.', 'Give a short caption.']);
}

function isDigit(random: Random, sources: SourceSplit): Draft {
  const picture = drawDigits(random, sources, 1);
  const digit = picture.content.digits[0]!;
  const yes = random.uniform() < 0.5;
  const asked = yes ? digit : random.pick(without(DIGITS, digit));
  return { turns: [[`Is the digit ${asked}?`, yes ? 'yes' : 'no']], picture };
}

function isThere(random: Random): Draft {
  const things = differentThings(random, random.integer(1, 4));
  const yes = random.uniform() < 0.5;
  const pick = <Word>(words: readonly Word[], present: readonly Word[]): Word =>
    random.pick(words.filter((word) => present.includes(word) === yes));
  const asked =
    random.uniform() < 0.5
      ? pick(
          SHAPES,
          things.map((thing) => thing.shape),
        )
      : `${pick(
          COLORS,
          things.map((thing) => thing.color),
        )} shape`;
  return { turns: [[`Is there a ${asked}?`, yes ? 'yes' : 'no']], picture: drawThings(random, things) };
}

function letterTurn<Word extends string | number>(
  random: Random,
  right: Word,
  words: readonly Word[],
): [string, string] {
  const options = threeOptions(random, right, words);
  return [`Choose.${optionLines(options)}\nWhich letter is it?`, LETTERS[options.indexOf(right)]!];
}

/** The right word and two others, shuffled. */
function threeOptions<Word>(random: Random, right: Word, words: readonly Word[]): Word[] {
  return random.sample([right, ...random.sample(without(words, right), 2)]);
}

/** `red 2, blue 1.`, in the order of the list of words. */
function tally<Word extends string>(present: readonly Word[], words: readonly Word[]): string {
  const counts = words
    .filter((word) => present.includes(word))
    .map((word) => `${word} ${present.filter((other) => other === word).length}`);
  return `${counts.join(', ')}.`;
}

function pickWeighted(random: Random, mixture: readonly [PretrainingTask, number][]): PretrainingTask {
  let rest = random.uniform() * mixture.reduce((sum, [, share]) => sum + share, 0);
  for (const [task, share] of mixture) {
    rest -= share;
    if (rest < 0) return task;
  }
  return mixture.at(-1)![0]; // reached by rounding alone
}
