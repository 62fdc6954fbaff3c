import type { SelectionMethod } from '../contracts/config.ts';
import type { RunInput } from '../contracts/messages/run.ts';
import { STAGES } from '../contracts/stages.ts';

/** The selection's own method, then those that the evaluation compares it with, each once. */
export function methodsOf({ config, until }: RunInput): SelectionMethod[] {
  const compares =
    config.finetune.enabled && config.evaluation.path !== null && STAGES.indexOf(until) >= STAGES.indexOf('evaluation');
  return [...new Set([config.selection.method, ...(compares ? config.evaluation.compare : [])])];
}

/** Waits for what is done method by method, failed ones too, so that each gets to its checkpoint. @throws what the first in the list failed with */
export async function allFinished(parts: readonly (Promise<void> | undefined)[]): Promise<void> {
  await Promise.allSettled(parts);
  await Promise.all(parts);
}
