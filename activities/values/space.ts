// The directions of gradients as the report shows them: a sample's map and how alike tasks are.
import { cosineMatrix, nearestCosines, principalPlane, vectorCosines } from '../../algorithms/gradient-space.ts';
import type { TaskStatistics } from '../../algorithms/task-values.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { GradientSpace } from '../../contracts/summary.ts';
import { readManifest } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import { readVerified } from '../../store/verified.ts';
import { NO_TASK } from './pass.ts';

/** Rows that are drawn on the map and compared with one another. */
const SAMPLED_ROWS = 600;

/** Tasks that are compared with one another: the largest. */
const MOST_TASKS = 40;

/** File of the values artifact with what the report shows of the gradients' directions. */
export const SPACE_FILE = 'space.json';

/** Marks the rows of a sample: those with the smallest content hashes, whatever the order of the table. */
export function markSpaceSample(contentHash: Uint8Array, taskIndex: Int32Array): Uint8Array {
  const view = new DataView(contentHash.buffer, contentHash.byteOffset, contentHash.byteLength);
  const eligible = Array.from(taskIndex.keys()).filter((row) => taskIndex[row] !== NO_TASK);
  const keys = Float64Array.from(eligible, (row) => view.getUint32(row * 32) * 2 ** 16 + view.getUint16(row * 32 + 4));
  const order = Uint32Array.from(keys.keys()).sort((left, right) => keys[left]! - keys[right]! || left - right);
  const marks = new Uint8Array(taskIndex.length);
  for (const place of order.subarray(0, SAMPLED_ROWS)) marks[eligible[place]!] = 1;
  return marks;
}

/**
 * Directions of the sampled rows and of the tasks.
 *
 * @param vectors `[sampled row, sketch]` unit gradients, in the order of the marked rows
 */
export function describeSpace(
  vectors: Float32Array,
  sampled: Uint8Array,
  { taskIndex, rowIndex, names }: { taskIndex: Int32Array; rowIndex: Uint32Array; names: readonly string[] },
  { meanDirection, sketch, rowCount }: TaskStatistics,
): GradientSpace {
  const rows = Array.from(sampled.keys()).filter((row) => sampled[row] === 1);
  const cosines = cosineMatrix({ count: rows.length, width: sketch, values: vectors });
  const { x, y, explained } = principalPlane(cosines, rows.length);
  const nearest = nearestCosines(
    cosines,
    rows.map((row) => taskIndex[row]!),
  );
  const largest = names
    .map((_, task) => task)
    .sort((left, right) => rowCount[right]! - rowCount[left]! || left - right)
    .slice(0, MOST_TASKS)
    .sort((left, right) => left - right);
  const directions = new Float64Array(largest.length * sketch);
  largest.forEach((task, place) =>
    directions.set(meanDirection.subarray(task * sketch, (task + 1) * sketch), place * sketch),
  );
  return {
    points: rows.map((row, place) => ({
      rowIndex: rowIndex[row]!,
      task: names[taskIndex[row]!]!,
      x: rounded(x[place]!),
      y: rounded(y[place]!),
      nearestCosine: rounded(nearest[place]!),
    })),
    explained: [rounded(explained[0]), rounded(explained[1])],
    tasks: largest.map((task) => names[task]!),
    taskCosines: vectorCosines(directions, largest.length, sketch).map((line) => line.map(rounded)),
  };
}

function rounded(value: number): number {
  return Number(value.toFixed(5));
}

/** The map of a values artifact, with those of its rows that were selected; null for values without one. */
export async function readSpace(
  store: Store,
  values: ArtifactReference,
  copies: ReadonlyMap<number, number>,
): Promise<(GradientSpace & { selectedRows: number[] }) | null> {
  const file = (await readManifest(store, values)).files.find(({ name }) => name === SPACE_FILE);
  if (file === undefined) return null;
  const bytes = await readVerified(store, values.uri, file);
  const space = JSON.parse(Buffer.from(bytes).toString('utf8')) as GradientSpace;
  const selectedRows = space.points.map(({ rowIndex }) => rowIndex).filter((rowIndex) => copies.has(rowIndex));
  return { ...space, selectedRows };
}
