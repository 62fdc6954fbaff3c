// The list of a run's rows that were set aside.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { streamAllQuarantine } from '../../activities/report/quarantine-summary.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { openStore } from '../../store/open-store.ts';
import { QUARANTINE_FILE } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';

/** Those of both stages that set rows aside: from the run's folder, where it has none as the store says. */
export async function* setAsideRows(
  result: RunResult,
  { path }: RunFolder,
): AsyncGenerator<{ rowIndex: number; reason: string }> {
  const list = join(path, QUARANTINE_FILE);
  const isHere = (await stat(list).catch(() => null)) !== null;
  const input = isHere
    ? createReadStream(list)
    : Readable.from(streamAllQuarantine(openStore(result.config.store.uri), result), { objectMode: false });
  for await (const line of createInterface({ input, crlfDelay: Infinity })) {
    const { row_index: rowIndex, reason } = JSON.parse(line) as { row_index: number; reason: string };
    yield { rowIndex, reason };
  }
}
