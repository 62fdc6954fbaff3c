// The selector `gist`.
import { drawRanked } from './draws.ts';
import { largestOfGroups } from './query-columns.ts';
import type { Selector } from './selector.ts';

/**
 * GIST: rows by their largest cosine with a group's mean query, both projected on the subspace of the queries.
 * @see https://github.com/GuanghuiMin/GIST
 */
export const gist: Selector<'gist'> = (request) =>
  drawRanked(request, largestOfGroups(request.columns.subspace_affinity), 'top');
