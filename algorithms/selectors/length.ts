// The selector `length`.
import { drawRanked } from './draws.ts';
import type { Selector } from './selector.ts';

/** Rows by the tokens of their answers. */
export const length: Selector<'length'> = (request) =>
  drawRanked(request, request.columns.supervised_token_count, request.settings.ranks);
