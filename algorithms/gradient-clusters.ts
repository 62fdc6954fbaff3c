// Clusters of unit gradients: spherical k-means with seeded centres.
import { createRandom, pickPlace } from './random-stream.ts';
import { RowKernels } from './row-kernels.ts';

/** Rounds of assigning and averaging; centres that stand still end them earlier. */
const ROUNDS = 10;

/** Rows that centres are found from, in an order that does not depend on the table's. */
export interface ClusteredRows {
  /** [row, sketch] unit gradients, or 0. */
  directions: Float32Array;
  sketch: number;
}

/**
 * Centres [cluster, sketch] of unit length: k-means by cosine, seeded as k-means++ from a named stream. There are as
 * many as wanted, or as rows. A centre that loses all its rows stays where it was.
 * O(rounds · rows · clusters · sketch).
 */
export function clusterCentres(
  { directions, sketch }: ClusteredRows,
  wanted: number,
  { stream, seed }: { stream: string; seed: number },
): Float64Array {
  const rowCount = directions.length / sketch;
  const count = Math.min(wanted, rowCount);
  const kernels = new RowKernels(sketch, count);
  const centres = kernels.vectors;
  seedCentres(kernels, directions, sketch, count, stream, seed);
  let assigned = new Uint32Array(rowCount).fill(count);
  for (let round = 0; round < ROUNDS; round += 1) {
    const next = assigned.map((_, row) => {
      kernels.load(directions, row * sketch, 1);
      return nearestVector(kernels, 0, count);
    });
    if (next.every((cluster, row) => cluster === assigned[row])) break;
    assigned = next;
    moveCentres(centres, directions, sketch, assigned);
  }
  return centres.slice();
}

/** Which of the vectors [start, end) the loaded row has the largest product with, from 0; the first of equals. */
export function nearestVector(kernels: RowKernels, start: number, end: number): number {
  let best = start;
  let largest = -Infinity;
  for (let vector = start; vector < end; vector += 2) {
    const second = Math.min(vector + 1, end - 1);
    const products = kernels.products(vector, second);
    const [one, two] = [products[1]!, products[2]!];
    if (one > largest) [best, largest] = [vector, one];
    if (two > largest) [best, largest] = [second, two];
  }
  return best - start;
}

/** The first row at random, each next with a chance ∝ 1 − its cosine with the nearest centre. */
function seedCentres(
  kernels: RowKernels,
  directions: Float32Array,
  sketch: number,
  count: number,
  stream: string,
  seed: number,
): void {
  const random = createRandom(stream, seed);
  const distance = new Float64Array(directions.length / sketch).fill(1);
  for (let cluster = 0; cluster < count; cluster += 1) {
    const chosen = pickPlace(distance, random.uniform());
    kernels.vectors.set(directions.subarray(chosen * sketch, (chosen + 1) * sketch), cluster * sketch);
    for (let row = 0; row < distance.length; row += 1) {
      kernels.load(directions, row * sketch, 1);
      const away = 1 - kernels.products(cluster, cluster)[1]!;
      distance[row] = cluster === 0 ? away : Math.min(distance[row]!, away);
      // Rounding is no distance.
      if (distance[row]! < 1e-6) distance[row] = 0;
    }
  }
}

function moveCentres(centres: Float64Array, directions: Float32Array, sketch: number, assigned: Uint32Array): void {
  const sums = new Float64Array(centres.length);
  for (const [row, cluster] of assigned.entries())
    for (let place = 0; place < sketch; place += 1)
      sums[cluster * sketch + place]! += directions[row * sketch + place]!;
  for (let start = 0; start < centres.length; start += sketch) {
    const sum = sums.subarray(start, start + sketch);
    const norm = Math.sqrt(sum.reduce((square, value) => square + value * value, 0));
    if (norm > 0) sum.forEach((value, place) => (centres[start + place] = value / norm));
  }
}
