// The methods as the report names them.
import type { SelectionMethod } from '../contracts/config.ts';
import { METHODS } from '../contracts/methods.ts';

/** Short name of a method in words; null is the base model before fine-tuning. */
export function methodName(method: SelectionMethod | null): string {
  return method === null ? 'base model' : METHODS[method].label;
}
