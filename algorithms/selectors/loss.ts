// The selector `loss`.
import { drawRanked } from './draws.ts';
import type { Selector } from './selector.ts';

/** Rows by the reference model's mean loss of their answers' tokens. */
export const loss: Selector<'loss'> = (request) => drawRanked(request, request.columns.loss, request.settings.ranks);
