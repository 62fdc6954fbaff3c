// The selector `guarded`.
import { drawUniform } from './draws.ts';
import type { Selector } from './selector.ts';

/** Random choice with equal quotas among the rows that the loss guard and the filter of near-duplicates keep. */
export const guarded: Selector<'guarded'> = drawUniform;
