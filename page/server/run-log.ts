// The end of a run's log, as its page shows it.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LOG_FILE } from '../../client/runs/run-folder.ts';
import type { RunFolder } from '../../client/runs/run-folder.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { LogLine } from '../api.ts';

/** So much of a log is looked at, from its end. */
const MOST_BYTES = 4 * 1024 ** 2;

/** Levels by the numbers of the log's lines. */
const LEVELS: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' };

/** The last lines, of one stage or of all, the newest last; none where there is no log. */
export async function readLog({ path }: RunFolder, stage: string | null, limit: number): Promise<LogLine[]> {
  const text = await endOf(join(path, LOG_FILE));
  const lines: LogLine[] = [];
  for (const line of text.split('\n').toReversed()) {
    const read = line === '' ? null : lineOf(line);
    if (read === null || (stage !== null && read.stage !== stage)) continue;
    lines.push(read);
    if (lines.length === limit) break;
  }
  return lines.reverse();
}

async function endOf(path: string): Promise<string> {
  const file = await open(path).catch(() => null);
  if (file === null) return '';
  try {
    const { size } = await file.stat();
    const position = Math.max(0, size - MOST_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - position), { position });
    const text = buffer.subarray(0, bytesRead).toString('utf8');
    // The first line is a part of one.
    return position === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    await file.close();
  }
}

/** Null for what is no line of a log, as the last one while it is written. */
function lineOf(text: string): LogLine | null {
  let line: unknown;
  try {
    line = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isJsonObject(line)) return null;
  const { level, time, msg, stage, ...attributes } = line;
  return {
    at: String(time),
    level: LEVELS[Number(level)] ?? 'info',
    message: String(msg),
    stage: typeof stage === 'string' ? stage : null,
    attributes,
  };
}
