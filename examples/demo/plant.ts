// Flaws planted in the demo's training rows: near copies, random answers.
import type { NamedRow } from './data-rows.ts';
import type { DemoTask } from './demo-tasks.ts';
import { createRandom, type Random } from './named-random.ts';
import { COLORS } from './words.ts';

/** What was made worse on purpose, as written to `planted.json`. */
export interface Planted {
  /** Rows whose picture is a slightly changed copy of another row's, with its question and answer. */
  near_copies: { id: string; of: string }[];
  /** Rows whose answers were redrawn at random; by chance some are right again. */
  random_answers: { id: string; answers: string[]; true_answers: string[] }[];
  /** Rows that cannot be used, with the reason code that a reader must give. */
  defects: { id: string; reason: string }[];
}

export const NEAR_COPY_TASKS: readonly DemoTask[] = ['garment_name', 'garment_check'];
export const NEAR_COPY_FRACTION = 0.7;
export const RANDOM_ANSWER_TASK: DemoTask = 'scene_color';
export const RANDOM_ANSWER_FRACTION = 0.2;

/** Replaces 70 % of the rows of two tasks by near-copies of the other 30 %. */
export function plantNearCopies(rows: readonly NamedRow[]): { rows: NamedRow[]; planted: Planted['near_copies'] } {
  const copyOf = new Map<string, NamedRow>();
  for (const task of NEAR_COPY_TASKS) {
    const random = createRandom('near-copies', task);
    const shuffled = random.sample(rows.filter((row) => row.task === task));
    const copyCount = Math.round(NEAR_COPY_FRACTION * shuffled.length);
    const originals = shuffled.slice(copyCount);
    for (const { id } of shuffled.slice(0, copyCount)) copyOf.set(id, random.pick(originals));
  }
  const result = rows.map((row) => {
    const original = copyOf.get(row.id);
    return original === undefined ? row : nearCopy(row, original);
  });
  const planted = rows.filter((row) => copyOf.has(row.id)).map((row) => ({ id: row.id, of: copyOf.get(row.id)!.id }));
  return { rows: result, planted };
}

/** Redraws the answers of 20 % of the rows of one task, each color equally likely. */
export function plantRandomAnswers(rows: readonly NamedRow[]): {
  rows: NamedRow[];
  planted: Planted['random_answers'];
} {
  const candidates = rows.filter((row) => row.task === RANDOM_ANSWER_TASK).map((row) => row.id);
  const count = Math.round(RANDOM_ANSWER_FRACTION * candidates.length);
  const chosen = new Set(createRandom('random-answers').sample(candidates, count));
  const planted: Planted['random_answers'] = [];
  const result = rows.map((row) => {
    if (!chosen.has(row.id)) return row;
    const random = createRandom('random-answers', row.id);
    const answers = row.turns.map(() => random.pick(COLORS));
    planted.push({ id: row.id, answers, true_answers: row.turns.map(([, answer]) => answer) });
    return { ...row, turns: row.turns.map(([question], index): [string, string] => [question, answers[index]!]) };
  });
  return { rows: result, planted };
}

/** The original under another name: brightness × uniform(0.97, 1.03), then normal(0, 2) noise on each grey pixel. */
function nearCopy({ id }: NamedRow, original: NamedRow): NamedRow {
  const random = createRandom('near-copy', id);
  return { ...original, id, image: changeGrey(random, original.image) };
}

function changeGrey(random: Random, image: Uint8Array): Uint8Array {
  const brightness = 0.97 + 0.06 * random.uniform();
  const changed = new Uint8ClampedArray(image.length); // rounds and clips
  for (let at = 0; at < image.length; at += 3) {
    changed.fill(image[at]! * brightness + 2 * random.normal(), at, at + 3);
  }
  return new Uint8Array(changed.buffer);
}
