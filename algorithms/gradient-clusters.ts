// Clusters of unit gradients: spherical k-means with seeded centres.
import { createRandom } from './random-stream.ts';

/** Rounds of assigning and averaging; centres that stand still end them earlier. */
const ROUNDS = 12;

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
  const centres = seededCentres(directions, sketch, count, stream, seed);
  let assigned = new Int32Array(rowCount).fill(-1);
  for (let round = 0; round < ROUNDS; round += 1) {
    const next = Int32Array.from({ length: rowCount }, (_, row) => nearest(directions, row, centres, sketch).cluster);
    if (next.every((cluster, row) => cluster === assigned[row])) break;
    assigned = next;
    moveCentres(centres, directions, sketch, assigned);
  }
  return centres;
}

/** The first row at random, each next with a chance ∝ 1 − its cosine with the nearest centre. */
function seededCentres(
  directions: Float32Array,
  sketch: number,
  count: number,
  stream: string,
  seed: number,
): Float64Array {
  const rowCount = directions.length / sketch;
  const centres = new Float64Array(count * sketch);
  const random = createRandom(stream, seed);
  const distance = new Float64Array(rowCount).fill(1);
  for (let cluster = 0; cluster < count; cluster += 1) {
    const row = pick(distance, random.uniform());
    const centre = centres.subarray(cluster * sketch, (cluster + 1) * sketch);
    centre.set(directions.subarray(row * sketch, (row + 1) * sketch));
    for (let other = 0; other < rowCount; other += 1) {
      const product = productOf(directions, other, centre, 0, sketch);
      distance[other] = cluster === 0 ? 1 - product : Math.min(distance[other]!, 1 - product);
      if (distance[other]! < 1e-9) distance[other] = 0;
    }
  }
  return centres;
}

/** A place with a chance in proportion to its weight; any where all are 0. */
function pick(weights: Float64Array, uniform: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return Math.floor(uniform * weights.length);
  let rest = uniform * total;
  for (const [place, weight] of weights.entries()) {
    rest -= weight;
    if (rest < 0 && weight > 0) return place;
  }
  return weights.findLastIndex((weight) => weight > 0);
}

function moveCentres(centres: Float64Array, directions: Float32Array, sketch: number, assigned: Int32Array): void {
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

function nearest(
  directions: Float32Array,
  row: number,
  centres: Float64Array,
  sketch: number,
): { cluster: number; product: number } {
  let best = { cluster: 0, product: -Infinity };
  for (let cluster = 0; cluster * sketch < centres.length; cluster += 1) {
    const product = productOf(directions, row, centres, cluster * sketch, sketch);
    if (product > best.product) best = { cluster, product };
  }
  return best;
}

function productOf(directions: Float32Array, row: number, centre: Float64Array, start: number, sketch: number): number {
  let sum = 0;
  for (let place = 0; place < sketch; place += 1) sum += directions[row * sketch + place]! * centre[start + place]!;
  return sum;
}
