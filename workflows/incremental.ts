import type { Config } from '../contracts/config.ts';
import type { GradientsResult } from '../contracts/messages/gradients.ts';
import type { NewRowsPlan, Reselection } from '../contracts/messages/incremental.ts';
import type { LastRun, RunInput } from '../contracts/messages/run.ts';
import type { AdapterResult } from '../contracts/messages/training.ts';
import type { Reason } from '../contracts/reasons.ts';

/** Whether the last run answers this one: the same data, recipe and last stage. */
export function isUnchanged({ fingerprint, result }: LastRun, now: string, { config, until }: RunInput): boolean {
  const reached = result.stages.find(({ stage }) => stage === until)?.state;
  return fingerprint === now && equal(result.config, config) && (reached === 'done' || reached === 'cached');
}

/** Whether both recipes give the same reference model for the same rows. */
export function hasSameReference(then: Config, now: Config): boolean {
  const sections = ({ model, warmup, gradients, run }: Config): unknown => [model, warmup, gradients, run.seed];
  return equal(sections(then), sections(now));
}

/** A reselection that starts from nothing, with the reason. */
export function tunedAgain(reason: string, counts: Partial<Reselection> = {}): Reselection {
  return {
    unchanged: false,
    newRowCount: 0,
    removedRowCount: 0,
    newFraction: 1,
    referenceModel: 'tuned_again',
    change: null,
    ...counts,
    reason,
  };
}

/** Counts by reason of two lists together. */
export function mergeCounts(
  left: readonly { reason: Reason; count: number }[],
  right: readonly { reason: Reason; count: number }[],
): { reason: Reason; count: number }[] {
  const counts = new Map<Reason, number>();
  for (const { reason, count } of [...left, ...right]) counts.set(reason, (counts.get(reason) ?? 0) + count);
  return [...counts].map(([reason, count]) => ({ reason, count }));
}

/** Both sides came through JSON, with their keys in one order. */
function equal(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** What an incremental run takes over from the last one. */
export interface KeptRows {
  warmup: AdapterResult;
  gradients: GradientsResult;
  plan: NewRowsPlan;
}

/** The kept table and what was made beside it. */
export function joinTables({ gradients, plan }: KeptRows, made: GradientsResult | null): GradientsResult {
  const quarantined = mergeCounts(plan.quarantined, made?.quarantined ?? []);
  if (made === null) return { ...gradients, quarantined, cached: true };
  return { ...made, reused: [gradients.gradients, ...gradients.reused], quarantined };
}
