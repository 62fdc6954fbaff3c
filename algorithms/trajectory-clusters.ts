// Clusters of loss trajectories: k-means by distance with seeded centres.
import { createRandom, pickPlace } from './random-stream.ts';

/** Rounds of assigning and averaging, as the released code has; centres that stand still end them earlier. */
const ROUNDS = 20;

/** Loss trajectories, in an order of rows that does not depend on the table's. */
export interface LossTrajectories {
  /** [row, checkpoint] losses, finite. */
  losses: Float32Array;
  checkpointCount: number;
}

/**
 * [row] number of its cluster, from 0: Lloyd's k-means of trajectories by squared Euclidean distance, in float64,
 * seeded as k-means++ from a named stream. There are as many centres as wanted, or as rows; some clusters may be empty.
 * A row as near to two centres goes to the first; a centre that loses all its rows stays where it was.
 * O(20 · rows · clusters · checkpoints).
 *
 * Differs: the released code seeds by random rows, through faiss.
 * @see arXiv:2403.07384
 */
export function clusterTrajectories(
  { losses, checkpointCount: width }: LossTrajectories,
  wanted: number,
  { stream, seed }: { stream: string; seed: number },
): Uint32Array {
  const rowCount = losses.length / width;
  const count = Math.min(wanted, rowCount);
  const centres = seededCentres(losses, width, count, createRandom(stream, seed));
  let assigned = assign(losses, width, centres);
  for (let round = 1; round < ROUNDS; round += 1) {
    moveCentres(centres, losses, width, assigned);
    const next = assign(losses, width, centres);
    if (next.every((cluster, row) => cluster === assigned[row])) break;
    assigned = next;
  }
  return assigned;
}

/** [cluster, checkpoint]: a row at random, each next with a chance ∝ its squared distance to the nearest centre. */
function seededCentres(
  losses: Float32Array,
  width: number,
  count: number,
  random: ReturnType<typeof createRandom>,
): Float64Array {
  const centres = new Float64Array(count * width);
  const away = new Float64Array(losses.length / width).fill(1);
  for (let cluster = 0; cluster < count; cluster += 1) {
    const chosen = pickPlace(away, random.uniform());
    centres.set(losses.subarray(chosen * width, (chosen + 1) * width), cluster * width);
    away.forEach((before, row) => {
      const own = distance(losses, row * width, centres, cluster * width, width);
      away[row] = cluster === 0 ? own : Math.min(before, own);
    });
  }
  return centres;
}

function assign(losses: Float32Array, width: number, centres: Float64Array): Uint32Array {
  const nearest = new Uint32Array(losses.length / width);
  for (let row = 0; row < nearest.length; row += 1) {
    let least = Infinity;
    for (let cluster = 0; cluster * width < centres.length; cluster += 1) {
      const away = distance(losses, row * width, centres, cluster * width, width);
      if (away < least) [least, nearest[row]] = [away, cluster];
    }
  }
  return nearest;
}

function distance(
  losses: Float32Array,
  start: number,
  centres: Float64Array,
  centreStart: number,
  width: number,
): number {
  let sum = 0;
  for (let place = 0; place < width; place += 1) {
    const difference = losses[start + place]! - centres[centreStart + place]!;
    sum += difference * difference;
  }
  return sum;
}

function moveCentres(centres: Float64Array, losses: Float32Array, width: number, assigned: Uint32Array): void {
  const sums = new Float64Array(centres.length);
  const sizes = new Uint32Array(centres.length / width);
  for (const [row, cluster] of assigned.entries()) {
    sizes[cluster]! += 1;
    for (let place = 0; place < width; place += 1) sums[cluster * width + place]! += losses[row * width + place]!;
  }
  for (const [cluster, size] of sizes.entries())
    for (let place = cluster * width; size > 0 && place < (cluster + 1) * width; place += 1)
      centres[place] = sums[place]! / size;
}
