// What is done to the picture of each copy of a row, by named random streams over its content.
import { PARAMETERS } from '../contracts/augmentation.ts';
import type { PictureChange, PictureOperation } from '../contracts/augmentation.ts';
import { createContentStream } from './random-stream.ts';
import type { ContentStream } from './random-stream.ts';

/** A row whose copies are changed. */
export interface CopiedRow {
  /** 32 bytes. */
  contentHash: Uint8Array;
  /** 0 for the first of identical rows of its task, 1 for the next, … */
  occurrence: number;
  /** How often the row comes, itself counted: copies 2 … of them are changed. */
  copyCount: number;
  /** Operations that leave its answers right; at least one. */
  allowed: readonly PictureOperation[];
}

/** The change of each copy from the second one on. */
export type DrawChanges = (row: CopiedRow) => PictureChange[];

/**
 * Draws of one seed. Copy c = 2, 3, … of a row takes from the operations that it has not had in the present turn (each
 * is taken once before one is taken again) the one at ⌊u · their number⌋, u of stream `augment/c/operation`, and its
 * parameter from stream `augment/c/parameter`: uniform between the bounds of `PARAMETERS`, in steps of 10⁻⁴; where it
 * is signed, the lower half of u is the negative ones.
 *
 * So a copy depends on seed, content, occurrence and its number alone: more copies begin with the same ones.
 *
 * @param seed integer in [0, 2^53)
 * @see createContentStream
 */
export function createChangeDraws(seed: number): DrawChanges {
  const streams = new Map<string, ContentStream>();
  const uniform = (name: string, { contentHash, occurrence }: CopiedRow): number => {
    const stream = streams.get(name) ?? createContentStream(name, seed);
    streams.set(name, stream);
    return stream.uniform(contentHash, 0, occurrence);
  };
  return (row) => {
    const changes: PictureChange[] = [];
    let left: readonly PictureOperation[] = [];
    for (let copy = 2; copy <= row.copyCount; copy += 1) {
      if (left.length === 0) left = row.allowed;
      const operation = left[Math.floor(uniform(`augment/${copy}/operation`, row) * left.length)]!;
      left = left.filter((other) => other !== operation);
      changes.push({ operation, parameter: parameterOf(operation, uniform(`augment/${copy}/parameter`, row)) });
    }
    return changes;
  };
}

/** Steps of a parameter to one: four decimals are enough, and stand in tables and names as they are. */
const STEPS = 10_000;

/** The parameter of an operation at u in (0, 1). */
function parameterOf(operation: PictureOperation, u: number): number {
  const drawn = PARAMETERS[operation];
  if (drawn === null) return 0;
  const { least, most, isSigned } = drawn;
  const part = isSigned ? (2 * u) % 1 : u;
  const size = Math.round((least + part * (most - least)) * STEPS) / STEPS;
  return isSigned && u < 0.5 ? -size : size;
}
