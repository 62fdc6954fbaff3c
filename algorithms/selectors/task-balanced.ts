// The selector `task_balanced`.
import { drawUniform } from './draws.ts';
import type { Selector } from './selector.ts';

/** Random choice with equal quotas: within a task every row is as likely. */
export const taskBalanced: Selector<'task_balanced'> = drawUniform;
