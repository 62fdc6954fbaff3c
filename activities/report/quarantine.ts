import type { RunResult } from '../../contracts/messages/run.ts';
import type { Reason } from '../../contracts/reasons.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { QuarantineSummary } from '../../contracts/summary.ts';
import { fileOf, readManifest, streamVerified } from '../../store/artifacts.ts';
import { gradientSchema } from '../../tables/schemas.ts';
import type { Store } from '../../store/store.ts';
import { readTable } from '../../tables/arrow-file.ts';
import type { TableBatch } from '../../tables/arrow-file.ts';
import { openGradientTable } from '../../tables/gradient-files.ts';
import { RowLookup } from '../shared/row-lookup.ts';

/** Rows that the report shows of each reason. */
const EXAMPLES = 3;
const MAX_CHARACTERS = 300;

/** Name of the file in the dataset's artifact and in the report's. */
export const QUARANTINE_FILE = 'quarantine.jsonl';

type Examples = QuarantineSummary['examples'];

/** Rows set aside by reason, most first: those of the dataset stage with examples, those of the gradients by count. */
export async function summarizeQuarantine(
  store: Store,
  { dataset, gradients }: RunResult,
): Promise<QuarantineSummary[]> {
  const counts = new Map<Reason, number>();
  for (const { reason, count } of [...(dataset?.quarantined ?? []), ...(gradients?.quarantined ?? [])])
    counts.set(reason, (counts.get(reason) ?? 0) + count);
  const examples = dataset === null ? new Map<string, Examples>() : await readExamples(store, dataset.rows);
  const reasons = [...counts].map(([reason, count]) => ({ reason, count, examples: examples.get(reason) ?? [] }));
  return reasons
    .filter(({ count }) => count > 0)
    .sort((left, right) => right.count - left.count || (left.reason < right.reason ? -1 : 1));
}

async function readExamples(store: Store, rows: ArtifactReference): Promise<Map<string, Examples>> {
  const examples = new Map<string, Examples>();
  for await (const line of quarantineLines(store, rows)) {
    const row = JSON.parse(line) as { row_index: number; task: string | null; reason: string; detail: string };
    let shown = examples.get(row.reason);
    if (shown === undefined) examples.set(row.reason, (shown = []));
    if (shown.length < EXAMPLES)
      shown.push({ rowIndex: row.row_index, task: row.task, detail: row.detail.slice(0, MAX_CHARACTERS) });
  }
  return examples;
}

/** The dataset artifact's list of quarantined rows as it is, verified. */
export async function* streamQuarantine(store: Store, rows: ArtifactReference): AsyncGenerator<Uint8Array> {
  yield* streamVerified(store, rows.uri, fileOf(await readManifest(store, rows), QUARANTINE_FILE));
}

/**
 * A run's whole list: rows that the dataset stage set aside, then those whose gradients cannot be used. Tables of earlier
 * runs number their rows otherwise, so rows are joined by content.
 */
export async function* streamAllQuarantine(
  store: Store,
  { dataset, gradients }: RunResult,
): AsyncGenerator<Uint8Array> {
  if (dataset === null) return;
  yield* streamQuarantine(store, dataset.rows);
  if (gradients === null || gradients.quarantined.every(({ count }) => count === 0)) return;
  const lookup = await RowLookup.read(store, dataset.rows);
  const take = lookup.taker();
  const { sketch, files } = await openGradientTable(store, [gradients.gradients, ...gradients.reused]);
  for (const { uri, file, storage } of files) {
    for await (const batch of readTable(store, uri, file, gradientSchema(sketch, storage))) {
      const hashes = batch.bytes('content_hash');
      for (const [row, reason] of batch.strings('reason').entries()) {
        const position = take(hashes, row * 32);
        if (reason === null || position < 0) continue;
        const place = { rowIndex: lookup.rowIndex(position), task: lookup.task(position) };
        yield Buffer.from(lateLine(place, batch, row, reason as LateReason));
      }
    }
  }
}

type LateReason = 'loss_not_finite' | 'gradient_not_finite' | 'gradient_zero';

/** A line about a row whose numbers turned out to be of no use. */
function lateLine(
  { rowIndex, task }: { rowIndex: number; task: string },
  batch: TableBatch,
  row: number,
  reason: LateReason,
): string {
  const tokens = `over ${batch.uint32('supervised_token_count')[row]!} supervised tokens`;
  const details = {
    loss_not_finite: `loss must be finite, got ${batch.float64('loss')[row]!} ${tokens}`,
    gradient_not_finite: `gradient must be finite, got a norm of ${batch.float64('gradient_norm')[row]!} ${tokens}`,
    gradient_zero: `gradient must not be zero, got zero ${tokens}`,
  };
  const detail = `row ${rowIndex.toLocaleString('en')}: ${details[reason]}`;
  return `${JSON.stringify({ row_index: rowIndex, task, reason, detail })}\n`;
}

async function* quarantineLines(store: Store, rows: ArtifactReference): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of streamQuarantine(store, rows)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    yield* lines.filter((line) => line !== '');
  }
  if (rest !== '') yield rest;
}
