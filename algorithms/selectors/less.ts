// The selector `less`.
import { drawRanked } from './draws.ts';
import { largestOfGroups } from './query-columns.ts';
import type { Selector } from './selector.ts';

/**
 * LESS: rows by max_u a_iu, a_iu the mean cosine with the queries of group u.
 *
 * Differs: LESS preconditions training gradients as Adam does and adds several checkpoints; these are plain gradients
 * at one reference model, unless `gradients.preconditioner` and `selection.query_checkpoints` ask for the same.
 *
 * @see arXiv:2402.04333
 */
export const less: Selector<'less'> = (request) =>
  drawRanked(request, largestOfGroups(request.columns.affinity), 'top');
