// Cosines of gradients and their principal plane, for pictures of a sample.

/** Rows of a sample as unit vectors, `[row, width]`. */
export interface UnitVectors {
  count: number;
  width: number;
  values: Float32Array;
}

/** Where rows lie in the plane in which they differ most. */
export interface PrincipalPlane {
  /** [row] coordinates, centred. */
  x: Float64Array;
  y: Float64Array;
  /** Share of the variance along each. */
  explained: [number, number];
}

const ITERATIONS = 60;

/** `[row, row]` dot products of unit vectors, hence cosines. O(n² k / 2). */
export function cosineMatrix({ count, width, values }: UnitVectors): Float64Array {
  const matrix = new Float64Array(count * count);
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column <= row; column += 1) {
      let sum = 0;
      for (let place = 0; place < width; place += 1)
        sum += values[row * width + place]! * values[column * width + place]!;
      matrix[row * count + column] = matrix[column * count + row] = sum;
    }
  }
  return matrix;
}

/**
 * The first two principal components of rows, from their cosines alone: eigenvectors of the centred Gram matrix
 * (classical scaling) by orthogonal iteration. Signs are those that make the largest coordinate positive.
 */
export function principalPlane(cosines: Float64Array, count: number): PrincipalPlane {
  const gram = centred(cosines, count);
  let trace = 0;
  for (let row = 0; row < count; row += 1) trace += gram[row * count + row]!;
  const first = Float64Array.from({ length: count }, (_, row) => Math.cos(row));
  const second = Float64Array.from({ length: count }, (_, row) => Math.cos(1 + row * 2));
  let [one, two] = [0, 0];
  for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
    one = step(gram, first, null);
    two = step(gram, second, first);
  }
  const axis = (vector: Float64Array, eigenvalue: number): Float64Array => {
    const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    const scale = Math.sqrt(Math.max(0, eigenvalue)) * (largest < 0 ? -1 : 1);
    return vector.map((value) => value * scale);
  };
  const share = (eigenvalue: number): number => (trace > 0 ? Math.max(0, eigenvalue) / trace : 0);
  return { x: axis(first, one), y: axis(second, two), explained: [share(one), share(two)] };
}

/** Rows and columns less their means: the Gram matrix of centred vectors. */
function centred(cosines: Float64Array, count: number): Float64Array {
  const means = new Float64Array(count);
  for (let row = 0; row < count; row += 1) {
    let sum = 0;
    for (let column = 0; column < count; column += 1) sum += cosines[row * count + column]!;
    means[row] = sum / count;
  }
  const total = means.reduce((sum, mean) => sum + mean, 0) / Math.max(1, count);
  return cosines.map((cosine, place) => cosine - means[Math.floor(place / count)]! - means[place % count]! + total);
}

/** One step of power iteration in place, orthogonal to `other`. @returns the eigenvalue so far */
function step(gram: Float64Array, vector: Float64Array, other: Float64Array | null): number {
  const { length } = vector;
  const next = new Float64Array(length);
  for (let row = 0; row < length; row += 1) {
    let sum = 0;
    for (let column = 0; column < length; column += 1) sum += gram[row * length + column]! * vector[column]!;
    next[row] = sum;
  }
  if (other !== null) {
    const along = next.reduce((sum, value, row) => sum + value * other[row]!, 0);
    next.forEach((value, row) => (next[row] = value - along * other[row]!));
  }
  const norm = Math.sqrt(next.reduce((sum, value) => sum + value * value, 0));
  next.forEach((value, row) => (vector[row] = norm === 0 ? 0 : value / norm));
  return norm;
}

/** [row] the highest cosine with another row of the same group; −1 where there is none. */
export function nearestCosines(cosines: Float64Array, group: ArrayLike<number>): Float64Array {
  const count = group.length;
  return Float64Array.from({ length: count }, (_, row) => {
    let nearest = -1;
    for (let other = 0; other < count; other += 1)
      if (other !== row && group[other] === group[row]) nearest = Math.max(nearest, cosines[row * count + other]!);
    return Math.min(1, nearest);
  });
}

/** `[vector][vector]` cosines of vectors that need not be of unit length; 0 with a zero vector. */
export function vectorCosines(vectors: Float64Array, count: number, width: number): number[][] {
  const dot = (left: number, right: number): number => {
    let sum = 0;
    for (let place = 0; place < width; place += 1)
      sum += vectors[left * width + place]! * vectors[right * width + place]!;
    return sum;
  };
  const norms = Array.from({ length: count }, (_, index) => Math.sqrt(dot(index, index)));
  return norms.map((left, row) =>
    norms.map((right, column) => {
      if (left === 0 || right === 0) return 0;
      return row === column ? 1 : Math.min(1, Math.max(-1, dot(row, column) / (left * right)));
    }),
  );
}
