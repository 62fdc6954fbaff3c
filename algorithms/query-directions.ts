// What a few query gradients ask for: directions that rows are held against.
import { symmetricEigen } from './symmetric-eigen.ts';

/** Query rows of a subspace, at most: its eigenvectors take q³ steps. */
export const SUBSPACE_QUERIES = 300;

/** Eigenvalues below this share of the largest are noise of the arithmetic. */
const LEAST_EIGENVALUE = 1e-10;

/** Gradients of queries, in an order that does not depend on any table's. */
export interface Queries {
  /** [query, sketch] decoded. */
  gradients: Float32Array;
  sketch: number;
  /** [query] place of its group, e.g. its task. */
  group: Uint32Array;
  groupCount: number;
}

/** Directions [target, sketch] that rows are held against. */
export interface QueryDirections {
  sketch: number;
  vectors: Float64Array;
}

/** Subspace of queries, and where their groups lie in it. */
export interface QuerySubspace extends QueryDirections {
  /** Orthonormal `vectors` [rank, sketch]. */
  rank: number;
  /** [group, rank] unit mean gradient of each group in the subspace; 0 for a group without one. */
  targets: Float64Array;
}

/**
 * Mean unit gradient of each group [group, sketch]: its product with a row's unit gradient is the mean cosine
 * a_iu = mean_x ẑ_i·ẑ_x of the row with the group's queries. A query without direction counts as 0.
 *
 * @see arXiv:2402.04333
 */
export function meanDirections({ gradients, sketch, group, groupCount }: Queries): QueryDirections {
  const vectors = new Float64Array(groupCount * sketch);
  const counts = groupCounts(group, groupCount);
  group.forEach((own, query) => {
    const gradient = gradients.subarray(query * sketch, (query + 1) * sketch);
    const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
    if (norm > 0) addScaled(vectors, own * sketch, gradient, 1 / norm / counts[own]!);
  });
  return { sketch, vectors };
}

/**
 * The subspace in which queries differ most from nothing: with G [query, sketch] their gradients and GGᵀ = U S² Uᵀ, the
 * columns of P = GᵀU S⁻¹ for the `rank` largest eigenvalues. A row is held against groups by the cosine of Pᵀg with the
 * group's mean Pᵀ z̄_u.
 *
 * At most 300 queries span it, as many of each group as of any other, the first of each; all of them are in the means.
 *
 * @param rank at most; fewer where the queries span less.
 */
export function querySubspace(queries: Queries, rank: number): QuerySubspace {
  const { gradients, sketch, group, groupCount } = queries;
  const chosen = firstOfEach(group, groupCount, SUBSPACE_QUERIES);
  const row = (query: number): Float32Array => gradients.subarray(query * sketch, (query + 1) * sketch);
  const count = chosen.length;
  const gram = new Float64Array(count * count);
  for (let one = 0; one < count; one += 1)
    for (let other = 0; other <= one; other += 1)
      gram[one * count + other] = gram[other * count + one] = dot(row(chosen[one]!), row(chosen[other]!));
  const { values, vectors } = symmetricEigen(gram, count);
  const kept = [...values.subarray(0, rank)].filter((value) => value > LEAST_EIGENVALUE * values[0]!);
  const basis = new Float64Array(kept.length * sketch);
  for (const [place, value] of kept.entries())
    for (const [index, query] of chosen.entries())
      addScaled(basis, place * sketch, row(query), vectors[place]![index]! / Math.sqrt(value));
  return { sketch, vectors: basis, rank: kept.length, targets: unitTargets(queries, basis, kept.length) };
}

/** [group, rank] unit vectors of basis · mean gradient. */
function unitTargets(
  { gradients, sketch, group, groupCount }: Queries,
  basis: Float64Array,
  rank: number,
): Float64Array {
  const means = new Float64Array(groupCount * sketch);
  const counts = groupCounts(group, groupCount);
  group.forEach((own, query) =>
    addScaled(means, own * sketch, gradients.subarray(query * sketch, (query + 1) * sketch), 1 / counts[own]!),
  );
  const targets = new Float64Array(groupCount * rank);
  for (let own = 0; own < groupCount; own += 1) {
    const mean = means.subarray(own * sketch, (own + 1) * sketch);
    const target = targets.subarray(own * rank, (own + 1) * rank);
    for (let place = 0; place < rank; place += 1)
      target[place] = dot(basis.subarray(place * sketch, (place + 1) * sketch), mean);
    const norm = Math.sqrt(dot(target, target));
    if (norm > 0) target.forEach((value, place) => (target[place] = value / norm));
  }
  return targets;
}

function groupCounts(group: Uint32Array, groupCount: number): Uint32Array {
  const counts = new Uint32Array(groupCount);
  for (const own of group) counts[own]! += 1;
  return counts;
}

/** Queries in their order, of each group no more than of the others. */
function firstOfEach(group: Uint32Array, groupCount: number, most: number): number[] {
  const share = Math.max(1, Math.floor(most / Math.max(1, groupCount)));
  const taken = new Uint32Array(groupCount);
  const chosen = Array.from(group.keys()).filter((query) => {
    const own = group[query]!;
    taken[own]! += 1;
    return taken[own]! <= share;
  });
  return chosen.slice(0, most);
}

function addScaled(into: Float64Array, start: number, vector: Float32Array, scale: number): void {
  for (let place = 0; place < vector.length; place += 1) into[start + place]! += scale * vector[place]!;
}

function dot(left: Float32Array | Float64Array, right: Float32Array | Float64Array): number {
  let sum = 0;
  for (let place = 0; place < left.length; place += 1) sum += left[place]! * right[place]!;
  return sum;
}
