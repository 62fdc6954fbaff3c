// The selector `perplexity`.
import { drawRanked } from './draws.ts';
import type { Selector } from './selector.ts';

/**
 * Rows by perplexity e^L: an increasing function of the loss L, so the loss ranks them, and cannot overflow.
 *
 * Differs: some code averages e^CE over the tokens instead; that mean is no column of the table.
 */
export const perplexity: Selector<'perplexity'> = (request) =>
  drawRanked(request, request.columns.loss, request.settings.ranks);
