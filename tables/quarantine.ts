// The list of rows that were set aside, `quarantine.jsonl`: written and read line by line.
import type { QuarantinedRow, Reason } from '../contracts/reasons.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { fileOf, readManifest } from '../store/artifacts.ts';
import type { Store } from '../store/store.ts';
import { streamVerified } from '../store/verified.ts';

/** Name of the file in the dataset's artifact and in the report's. */
export const QUARANTINE_FILE = 'quarantine.jsonl';

/** A line of the list: the detail names the row, `row 88 turn 0: …` or `row 97: image must …`. */
export function quarantineLine({ rowIndex, task, reason, detail }: QuarantinedRow): string {
  const separator = /^(turn|line) /.test(detail) ? ' ' : ': ';
  const named = `row ${rowIndex.toLocaleString('en')}${separator}${detail.replace(/^row /, '')}`;
  return `${JSON.stringify({ row_index: rowIndex, task, reason, detail: named })}\n`;
}

/** The list of a dataset's artifact as it is, verified. */
export async function* streamQuarantine(store: Store, rows: ArtifactReference): AsyncGenerator<Uint8Array> {
  yield* streamVerified(store, rows.uri, fileOf(await readManifest(store, rows), QUARANTINE_FILE));
}

/** The rows of the list; their details name the row. */
export async function* readQuarantine(store: Store, rows: ArtifactReference): AsyncGenerator<QuarantinedRow> {
  for await (const line of linesOf(streamQuarantine(store, rows))) {
    const row = JSON.parse(line) as { row_index: number; task: string | null; reason: Reason; detail: string };
    yield { rowIndex: row.row_index, task: row.task, reason: row.reason, detail: row.detail };
  }
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    yield* lines.filter((line) => line !== '');
  }
  if (rest !== '') yield rest;
}
