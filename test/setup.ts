import { expect } from 'vitest';

/** Explicit tolerances: |actual − expected| ≤ atol + rtol · |expected|, element by element. */
export interface Tolerance {
  rtol: number;
  atol: number;
}

declare module 'vitest' {
  interface Matchers {
    toBeAllclose(expected: ArrayLike<number>, tolerance: Tolerance): unknown;
  }
}

/** Numbers of equal bytes are equal: told at once, where Vitest would compare them one by one for seconds. */
function areOfEqualBytes(left: unknown, right: unknown): true | undefined {
  if (!ArrayBuffer.isView(left) || !ArrayBuffer.isView(right)) return undefined;
  const isSameKind = Object.getPrototypeOf(left) === Object.getPrototypeOf(right);
  if (!isSameKind || left.byteLength !== right.byteLength) return undefined;
  const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
    Buffer.from(buffer, byteOffset, byteLength);
  return bytes(left).equals(bytes(right)) ? true : undefined;
}

expect.addEqualityTesters([areOfEqualBytes]);

expect.extend({
  toBeAllclose(actual: ArrayLike<number>, expected: ArrayLike<number>, { rtol, atol }: Tolerance) {
    if (actual.length !== expected.length) {
      return { pass: false, message: () => `lengths must be equal, got ${actual.length} and ${expected.length}` };
    }
    let worst = { index: -1, excess: 0 };
    for (let index = 0; index < expected.length; index += 1) {
      const wanted = expected[index] as number;
      const difference = Math.abs((actual[index] as number) - wanted);
      const excess = Object.is(actual[index], wanted) ? 0 : difference - atol - rtol * Math.abs(wanted);
      if (excess > worst.excess || Number.isNaN(excess)) worst = { index, excess };
      if (Number.isNaN(excess)) break;
    }
    return {
      pass: worst.index < 0,
      message: () =>
        worst.index < 0
          ? 'arrays must differ by more than the tolerance'
          : `arrays must agree (rtol ${rtol}, atol ${atol}), got ${actual[worst.index]} for ${expected[worst.index]} at ${worst.index}`,
    };
  },
});
