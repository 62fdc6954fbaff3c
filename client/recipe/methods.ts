/** Selectors that a recipe may name. */
export const METHODS = ['tive', 'tive_task', 'tive_instance', 'random', 'task_balanced', 'grand'] as const;
