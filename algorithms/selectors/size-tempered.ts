// The selector `size_tempered`.
import { drawUniform } from './draws.ts';
import type { Selector } from './selector.ts';

/** Random choice with shares between equal and by size: within a task every row is as likely. */
export const sizeTempered: Selector<'size_tempered'> = drawUniform;
