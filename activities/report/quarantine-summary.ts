// The rows that were set aside, by the dataset stage and by the gradients.
import type { RunResult } from '../../contracts/messages/run.ts';
import { sumByReason } from '../../contracts/reasons.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { QuarantineSummary } from '../../contracts/summary.ts';
import type { Store } from '../../store/store.ts';
import { joinGradients, openGradientTable } from '../../tables/gradients.ts';
import type { GradientRows } from '../../tables/gradients.ts';
import { quarantineLine, readQuarantine, streamQuarantine } from '../../tables/quarantine.ts';
import { RowLookup } from '../../tables/row-lookup.ts';

/** Rows that the report shows of each reason. */
const EXAMPLES = 3;
const MAX_CHARACTERS = 300;

type Examples = QuarantineSummary['examples'];

/** Rows set aside by reason, most first: those of the dataset stage with examples, those of the gradients by count. */
export async function summarizeQuarantine(
  store: Store,
  { dataset, gradients }: RunResult,
): Promise<QuarantineSummary[]> {
  const counts = sumByReason([...(dataset?.quarantined ?? []), ...(gradients?.quarantined ?? [])]);
  const examples = dataset === null ? new Map<string, Examples>() : await readExamples(store, dataset.rows);
  const reasons = counts.map(({ reason, count }) => ({ reason, count, examples: examples.get(reason) ?? [] }));
  return reasons
    .filter(({ count }) => count > 0)
    .sort((left, right) => right.count - left.count || (left.reason < right.reason ? -1 : 1));
}

async function readExamples(store: Store, rows: ArtifactReference): Promise<Map<string, Examples>> {
  const examples = new Map<string, Examples>();
  for await (const { rowIndex, task, reason, detail } of readQuarantine(store, rows)) {
    let shown = examples.get(reason);
    if (shown === undefined) examples.set(reason, (shown = []));
    if (shown.length < EXAMPLES) shown.push({ rowIndex, task, detail: detail.slice(0, MAX_CHARACTERS) });
  }
  return examples;
}

/**
 * A run's whole list: rows that the dataset stage set aside, then those whose gradients cannot be used. Tables of
 * earlier runs number their rows otherwise, so rows are joined by content.
 */
export async function* streamAllQuarantine(
  store: Store,
  { dataset, gradients }: RunResult,
): AsyncGenerator<Uint8Array> {
  if (dataset === null) return;
  yield* streamQuarantine(store, dataset.rows);
  if (gradients === null || gradients.quarantined.every(({ count }) => count === 0)) return;
  const lookup = await RowLookup.read(store, dataset.rows);
  const table = await openGradientTable(store, [gradients.gradients, ...gradients.reused]);
  for await (const { batch, positions } of joinGradients(store, table, lookup)) {
    for (const [row, position] of positions.entries()) {
      const reason = batch.reason[row] as LateReason | null;
      if (reason === null || position < 0) continue;
      const place = { rowIndex: lookup.rowIndex(position), task: lookup.task(position) };
      yield Buffer.from(quarantineLine({ ...place, reason, detail: lateDetail(batch, row, reason) }));
    }
  }
}

type LateReason = 'loss_not_finite' | 'gradient_not_finite' | 'gradient_zero';

/** What is said of a row whose numbers turned out to be of no use. */
function lateDetail(batch: GradientRows, row: number, reason: LateReason): string {
  const tokens = `over ${batch.supervisedTokenCount[row]!} supervised tokens`;
  const details = {
    loss_not_finite: `loss must be finite, got ${batch.loss[row]!} ${tokens}`,
    gradient_not_finite: `gradient must be finite, got a norm of ${batch.gradientNorm[row]!} ${tokens}`,
    gradient_zero: `gradient must not be zero, got zero ${tokens}`,
  };
  return details[reason];
}
