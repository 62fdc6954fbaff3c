// Rows of a Parquet file by way of a thread, so that one that needs too much memory costs a thread alone.
import { once } from 'node:events';
import { basename } from 'node:path';
import { Worker } from 'node:worker_threads';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { WritePicture } from './packed-row.ts';
import type { UnpackedRow } from './unpack-row.ts';

/** What the thread answers when it is asked for rows; none at the end. */
export type ParquetAnswer = { rows: UnpackedRow[] } | { problem: string };

/** Memory of the thread beside the pages' bytes, which are bounded on their own. */
const THREAD_HEAP_MIB = 2048;

/** Tests run the sources, whose threads are in the build. */
const THREAD = import.meta.url.endsWith('.ts')
  ? new URL('../../dist/dataset/readers/parquet-thread.js', import.meta.url)
  : new URL('./parquet-thread.js', import.meta.url);

/**
 * Rows of a Parquet file as JSON texts of a line, in order; their pictures are written out before.
 * @throws InvalidDatasetError where the file cannot be read
 */
export async function* parquetSource(path: string, writePicture: WritePicture): AsyncGenerator<Uint8Array> {
  const thread = new Worker(THREAD, {
    workerData: path,
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MIB },
  });
  try {
    for (;;) {
      thread.postMessage('next');
      const answer = await answerOf(thread, basename(path));
      if (answer.rows.length === 0) return;
      for (const { json, pictures } of answer.rows) {
        for (const { name, bytes } of pictures) await writePicture(name, bytes);
        yield Buffer.from(json);
      }
    }
  } finally {
    await thread.terminate();
  }
}

async function answerOf(thread: Worker, name: string): Promise<{ rows: UnpackedRow[] }> {
  let answer: ParquetAnswer;
  try {
    answer = await messageOf(thread);
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    // What the thread was started of, or the disk, and no byte of the file.
    if (syscall !== undefined || code === 'ERR_MODULE_NOT_FOUND') throw error;
    const isMemory = code === 'ERR_WORKER_OUT_OF_MEMORY';
    // Columns are read side by side: of two that are damaged the second's error may come before the thread's answer.
    answer = { problem: isMemory ? `rows that need more than ${THREAD_HEAP_MIB} MiB` : message };
  }
  if ('rows' in answer) return answer;
  throw new InvalidDatasetError(`${name}: must be a readable Parquet file, got ${answer.problem}`);
}

/** A thread that ends without an answer sends no message: without this its reader would wait for nothing. */
async function messageOf(thread: Worker): Promise<ParquetAnswer> {
  const waiting = new AbortController();
  const ended = once(thread, 'exit', { signal: waiting.signal }).then(([code]): ParquetAnswer => ({
    problem: `a reader that ended with code ${code}`,
  }));
  try {
    const message = once(thread, 'message', { signal: waiting.signal }) as Promise<[ParquetAnswer]>;
    return await Promise.race([message.then(([answer]) => answer), ended]);
  } finally {
    waiting.abort();
  }
}
