import type { SelectionMethod } from '../contracts/config.ts';
import type { RunInput } from '../contracts/messages.ts';
import { STAGES } from '../contracts/stages.ts';

/** The selection's own method, then those that the evaluation compares it with, each once. */
export function methodsOf({ config, until }: RunInput): SelectionMethod[] {
  const compares =
    config.finetune.enabled && config.evaluation.path !== null && STAGES.indexOf(until) >= STAGES.indexOf('evaluation');
  return [...new Set([config.selection.method, ...(compares ? config.evaluation.compare : [])])];
}
