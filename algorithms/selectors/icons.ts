// The selector `icons`.
import { quantile } from '../statistics.ts';
import { drawRanked } from './draws.ts';
import type { Selector } from './selector.ts';

/**
 * ICONS: rows by votes. Group u votes for the rows with a_iu ≥ Q_u, the (1 − b/n) quantile of its column over the group
 * of rows (linear interpolation), b rows wanted of n; ties by Σ_u a_iu, then at random. The order depends on b, so
 * budgets do not nest.
 *
 * Differs: the released code leaves ties to the order of its sort.
 *
 * @see arXiv:2501.00654
 */
export const icons: Selector<'icons'> = (request) => {
  const { group, wanted, columns } = request;
  const { groupCount, values } = columns.affinity;
  const rowCount = values.length / Math.max(1, groupCount);
  const votes = new Float64Array(rowCount);
  const sums = new Float64Array(rowCount);
  const share = group.length === 0 ? 0 : Math.max(0, 1 - wanted / group.length);
  for (let asking = 0; asking < groupCount; asking += 1) {
    const column = Float64Array.from(group, (row) => values[row * groupCount + asking]!);
    const least = quantile(column, share);
    for (const [place, row] of group.entries()) {
      if (column[place]! >= least) votes[row]! += 1;
      sums[row]! += column[place]!;
    }
  }
  return drawRanked(request, votes, 'top', sums);
};
