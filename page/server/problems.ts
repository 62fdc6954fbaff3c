// What goes wrong in an answer, and the status that says whose turn it is.
import { outcomeOf, EXIT } from '../../client/terminal/outcome.ts';
import type { Problem } from '../api.ts';

export type ProblemStatus = 400 | 403 | 404 | 409 | 500;

/** A request that is refused. */
export class RefusedError extends Error {
  readonly status: ProblemStatus;

  constructor(status: ProblemStatus, message: string) {
    super(message);
    this.status = status;
  }
}

/** An error as an answer: the words of the command line; 500 only for what nobody who asks can mend. */
export function problemOf(error: unknown): { problem: Problem; status: ProblemStatus } {
  if (error instanceof RefusedError) return { problem: { message: error.message }, status: error.status };
  const { message, exitCode } = outcomeOf(error);
  return { problem: { message }, status: exitCode === EXIT.failed ? 500 : 400 };
}
