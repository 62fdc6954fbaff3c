// Eigenvalues and eigenvectors of a small symmetric matrix.

/** Sweeps after which rotations are done whatever is left; ten are enough for any matrix met in practice. */
const MOST_SWEEPS = 60;

/** Off-diagonal part, relative to the whole matrix, that counts as none. */
const TOLERANCE = 1e-14;

/** Eigenvalues, largest first, and `vectors` [eigenvalue, row] of unit length with the largest entry positive. */
export interface SymmetricEigen {
  values: Float64Array;
  vectors: Float64Array[];
}

/**
 * By cyclic Jacobi rotations in float64; O(n³) a sweep, so for some hundred rows.
 *
 * @param matrix [row, row] symmetric, finite; not changed.
 */
export function symmetricEigen(matrix: Float64Array, size: number): SymmetricEigen {
  const rest = matrix.slice();
  const rotated = new Float64Array(size * size);
  for (let row = 0; row < size; row += 1) rotated[row * size + row] = 1;
  const whole = Math.sqrt(rest.reduce((sum, value) => sum + value * value, 0));
  for (let sweep = 0; sweep < MOST_SWEEPS && offDiagonal(rest, size) > TOLERANCE * whole; sweep += 1)
    for (let row = 0; row < size; row += 1)
      for (let column = row + 1; column < size; column += 1) rotate(rest, rotated, size, row, column);
  const order = Array.from({ length: size }, (_, index) => index).sort(
    (left, right) => rest[right * size + right]! - rest[left * size + left]! || left - right,
  );
  return {
    values: Float64Array.from(order, (index) => rest[index * size + index]!),
    vectors: order.map((index) => withSign(rotated.slice(index * size, (index + 1) * size))),
  };
}

function offDiagonal(matrix: Float64Array, size: number): number {
  let sum = 0;
  for (let row = 0; row < size; row += 1)
    for (let column = row + 1; column < size; column += 1) sum += matrix[row * size + column]! ** 2;
  return Math.sqrt(2 * sum);
}

/** Makes one entry zero; `rotated` gathers the rotations, an eigenvector a row. */
function rotate(matrix: Float64Array, rotated: Float64Array, size: number, row: number, column: number): void {
  const entry = matrix[row * size + column]!;
  if (entry === 0) return;
  const difference = (matrix[column * size + column]! - matrix[row * size + row]!) / (2 * entry);
  const tangent = Math.sign(difference || 1) / (Math.abs(difference) + Math.sqrt(difference * difference + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  for (let other = 0; other < size; other += 1) {
    const one = matrix[other * size + row]!;
    const two = matrix[other * size + column]!;
    matrix[other * size + row] = cosine * one - sine * two;
    matrix[other * size + column] = sine * one + cosine * two;
  }
  turnRows(matrix, size, row, column, cosine, sine);
  turnRows(rotated, size, row, column, cosine, sine);
}

function turnRows(matrix: Float64Array, size: number, row: number, column: number, cosine: number, sine: number): void {
  for (let other = 0; other < size; other += 1) {
    const one = matrix[row * size + other]!;
    const two = matrix[column * size + other]!;
    matrix[row * size + other] = cosine * one - sine * two;
    matrix[column * size + other] = sine * one + cosine * two;
  }
}

function withSign(vector: Float64Array): Float64Array {
  const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  return largest < 0 ? vector.map((value) => -value) : vector;
}
