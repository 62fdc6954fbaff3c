import type { SelectionMethod } from '../contracts/config.ts';

/** A method as a noun phrase, to stand after "a" or alone. */
const NAMES: Readonly<Record<SelectionMethod, string>> = {
  tive: 'tive',
  tive_task: 'tive by task values only',
  tive_instance: 'tive by instance values only',
  random: 'pooled random choice',
  task_balanced: 'task-balanced random choice',
  grand: 'largest gradients first',
};

/** Short name of a method in words; null is the base model before fine-tuning. */
export function methodName(method: SelectionMethod | null): string {
  return method === null ? 'base model' : NAMES[method];
}

/** Whether a method is a random choice, that is a baseline. */
export function isBaseline(method: SelectionMethod): boolean {
  return method === 'random' || method === 'task_balanced';
}
