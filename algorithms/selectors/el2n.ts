// The selector `el2n`.
import { drawRanked } from './draws.ts';
import type { Selector } from './selector.ts';

/** EL2N: rows by mean ‖softmax − one-hot‖ over the tokens of their answers. @see arXiv:2107.07075 */
export const el2n: Selector<'el2n'> = (request) => drawRanked(request, request.columns.el2n, request.settings.ranks);
