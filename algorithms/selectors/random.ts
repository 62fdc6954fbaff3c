// The selector `random`.
import { drawUniform } from './draws.ts';
import type { Selector } from './selector.ts';

/** Random choice from all tasks together. */
export const random: Selector<'random'> = drawUniform;
