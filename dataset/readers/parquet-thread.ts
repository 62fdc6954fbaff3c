// A thread that reads one Parquet file, a few rows at a time whenever it is asked: a crafted file that needs more
// memory than its size tells ends the thread, not the process.
import { parentPort, workerData } from 'node:worker_threads';
import { parquetRows } from './parquet-rows.ts';
import type { UnpackedRow } from './unpack-row.ts';
import type { ParquetAnswer } from './parquet-source.ts';

const ROWS_OF_MESSAGE = 64;
const BYTES_OF_MESSAGE = 32 * 1024 * 1024;

const rows = parquetRows(workerData as string);
parentPort!.on('message', () => {
  void next().then((answer) => parentPort!.postMessage(answer));
});

async function next(): Promise<ParquetAnswer> {
  const found: UnpackedRow[] = [];
  let bytes = 0;
  try {
    while (found.length < ROWS_OF_MESSAGE && bytes < BYTES_OF_MESSAGE) {
      const { value, done } = await rows.next();
      if (done === true) break;
      found.push(value);
      bytes += value.json.length + value.pictures.reduce((sum, picture) => sum + picture.bytes.length, 0);
    }
    return { rows: found };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}
