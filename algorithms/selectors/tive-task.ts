// The selector `tive_task`.
import { drawUniform } from './draws.ts';
import type { Selector } from './selector.ts';

/** TIVE without instance values: within a task every row is as likely. */
export const tiveTask: Selector<'tive_task'> = drawUniform;
