import { CancelledFailure } from '@temporalio/common';
import { CALLER_ERRORS } from '../contracts/failures.ts';

/** Exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, callerMustAct: 2, awaitsApproval: 3, interrupted: 130 } as const;

/** A failure as a person should read it: what went wrong at the root, and whose turn it is. */
export interface Outcome {
  exitCode: number;
  message: string;
}

/** The root of a failure, which a workflow wraps: WorkflowFailedError → ActivityFailure → ApplicationFailure. */
export function outcomeOf(error: unknown): Outcome {
  let root: unknown = error;
  for (let next = root; next instanceof Error; next = next.cause) {
    root = next;
    if (next instanceof CancelledFailure)
      return { exitCode: EXIT.interrupted, message: 'the run was cancelled; what it has done is kept' };
    // The first error whose kind is known says it best; deeper causes are its details.
    if (('type' in next && typeof next.type === 'string') || isCallerError(next.constructor.name)) break;
  }
  if (!(root instanceof Error)) return { exitCode: EXIT.failed, message: String(root) };
  const kind = 'type' in root && typeof root.type === 'string' ? root.type : root.constructor.name;
  return { exitCode: isCallerError(kind) ? EXIT.callerMustAct : EXIT.failed, message: root.message };
}

function isCallerError(kind: string): boolean {
  return CALLER_ERRORS.some((name) => name === kind);
}
