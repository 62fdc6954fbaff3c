// The orders that selectors share.
import { drawOrder, probabilities, topOrder } from '../sampling.ts';
import type { SampledRows } from '../sampling.ts';
import type { DrawnGroup } from './selector.ts';

/** Which rows are ordered, and the random stream. */
interface Draw {
  rows: SampledRows;
  group: Uint32Array;
  stream: string;
  seed: number;
}

/** p ∝ e^{λs}. @param values [example] s of every row of the columns, finite */
export function drawWeighted({ rows, group, stream, seed }: Draw, values: Float64Array, lambda: number): DrawnGroup {
  const { position } = drawOrder(rows, group, stream, seed, { values, lambda });
  const drawn = Float64Array.from(position, (row) => values[row]!);
  return { position, probability: probabilities(drawn, lambda) };
}

/** p = 1/n. */
export function drawUniform({ rows, group, stream, seed }: Draw): DrawnGroup {
  const { position } = drawOrder(rows, group, stream, seed, null);
  return { position, probability: new Float64Array(position.length).fill(1 / position.length) };
}

/** The largest first, ties at random. @param values [example] of every row of the columns, none NaN */
export function drawLargest({ rows, group, stream, seed }: Draw, values: Float64Array): DrawnGroup {
  const { position } = topOrder(rows, group, stream, seed, values);
  return { position, probability: new Float64Array(position.length).fill(1) };
}
