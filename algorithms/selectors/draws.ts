// The orders that selectors share.
import { drawOrder, lambdaForShare, probabilities, topOrder } from '../sampling.ts';
import type { SampledRows, Scores } from '../sampling.ts';
import type { Ranks, SelectionSettings } from '../../contracts/methods.ts';
import type { DrawnGroup } from './selector.ts';

/** Which rows are ordered, and the random stream. */
interface Draw {
  rows: SampledRows;
  group: Uint32Array;
  stream: string;
  seed: number;
}

/**
 * p ∝ w e^{λs}, w = 1 where rows have no weights; λ as it is said, or as the values alone have the wanted ESS/n in this
 * group by it.
 *
 * @param values [example] s of every row of the columns, finite
 */
export function drawWeighted(
  { rows, group, stream, seed }: Draw,
  values: Float64Array,
  settings: Pick<SelectionSettings, 'lambda' | 'essTarget'>,
): DrawnGroup {
  const { essTarget = null } = settings;
  const own = (): Float64Array => Float64Array.from(group, (row) => values[row]!).sort();
  const lambda = essTarget === null ? settings.lambda : lambdaForShare(own(), essTarget);
  const { position } = drawOrder(rows, group, stream, seed, { values, lambda });
  const drawn = Float64Array.from(position, (row) => values[row]!);
  return { position, probability: probabilities(drawn, lambda, weightsOf(rows, position)) };
}

/** [group] weights of rows in draw order; undefined where they have none. */
function weightsOf({ weight }: SampledRows, position: Uint32Array): Float64Array | undefined {
  return weight && Float64Array.from(position, (row) => weight[row]!);
}

/** p = 1/n, or w/Σw where rows have weights. */
export function drawUniform({ rows, group, stream, seed }: Draw): DrawnGroup {
  const { position } = drawOrder(rows, group, stream, seed, null);
  const weights = weightsOf(rows, position);
  if (weights !== undefined)
    return {
      position,
      probability: probabilities(
        weights.map(() => 0),
        0,
        weights,
      ),
    };
  return { position, probability: new Float64Array(position.length).fill(1 / position.length) };
}

/**
 * Rows by a score, ties at random: the largest first, the smallest first, or those around the median first, whose b
 * first are b neighbouring ranks (the larger score first of two that are as near).
 *
 * `values` are [example] of every row of the columns, none NaN; `ties`, likewise, decide between rows of equal values,
 * the larger first.
 */
export function drawRanked(
  { rows, group, stream, seed }: Draw,
  values: Scores,
  ranks: Ranks,
  ties?: Scores,
): DrawnGroup {
  const scores = ranks === 'bottom' ? Float64Array.from(values, (value) => -value) : values;
  const { position } = topOrder(rows, group, stream, seed, scores, ties);
  return {
    position: ranks === 'mid' ? fromTheMiddle(position) : position,
    probability: new Float64Array(position.length).fill(1),
  };
}

/** Places (n−1)/2 ± 0, 1, 2, … of an order, the lower of two first. */
function fromTheMiddle(order: Uint32Array): Uint32Array {
  const middle = (order.length - 1) / 2;
  let [before, behind] = [Math.floor(middle), Math.floor(middle) + 1];
  return order.map(() => {
    const takesBefore = before >= 0 && middle - before <= behind - middle;
    return order[takesBefore ? before-- : behind++]!;
  });
}
