// The selector `grand`.
import { drawLargest } from './draws.ts';
import type { Selector } from './selector.ts';

/** GraNd: the largest gradient norms of all tasks together. @see arXiv:2107.07075 */
export const grand: Selector<'grand'> = (request) => drawLargest(request, request.columns.gradient_norm);
