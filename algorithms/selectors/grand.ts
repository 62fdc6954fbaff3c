// The selector `grand`.
import { drawRanked } from './draws.ts';
import type { Selector } from './selector.ts';

/** GraNd: rows by gradient norm. @see arXiv:2107.07075 */
export const grand: Selector<'grand'> = (request) =>
  drawRanked(request, request.columns.gradient_norm, request.settings.ranks);
