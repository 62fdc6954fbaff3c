// Why a row cannot be used, and how that is said.
import type { Reason } from '../../contracts/reasons.ts';

/** Why a row cannot be used: a code and what must hold, with what was found. */
export interface Rejection {
  reason: Reason;
  detail: string;
}

/** Whether a step's outcome is a rejection. */
export function isRejection(outcome: object): outcome is Rejection {
  return 'reason' in outcome;
}

/** Text as JSON for a message, cut to what fits in a line. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}
