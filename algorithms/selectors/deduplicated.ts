// The selector `deduplicated`.
import { drawUniform } from './draws.ts';
import type { Selector } from './selector.ts';

/** Random choice with equal quotas among the rows that the filter of near-duplicates keeps. */
export const deduplicated: Selector<'deduplicated'> = drawUniform;
