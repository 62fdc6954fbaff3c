import type { RunResult } from '../contracts/messages.ts';
import type { Reason } from '../contracts/reasons.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import type { QuarantineSummary } from '../contracts/summary.ts';
import { fileOf, readManifest, streamVerified } from '../store/artifacts.ts';
import type { Store } from '../store/store.ts';

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
