// A scorer of the user's own: an executable that gets generated answers as lines and gives their scores as lines.
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import { fileSize } from '../../contracts/outside-file.ts';
import { quoted } from '../../dataset/rows/row-outcome.ts';
import { hashFile } from '../../store/file-hash.ts';

/** What a scorer is given of a row. */
export interface AskedAnswer {
  /** The row's index among the test rows. */
  id: number;
  task: string;
  /** Text of the turn before the answer, without placeholders of pictures. */
  question: string;
  /** The row's own answer. */
  reference: string;
  /** The generated one. */
  answer: string;
}

/** How a scorer is run. */
export interface ScorerOptions {
  /** Aborted: it is ended. */
  signal: AbortSignal;
  /** Gets the last lines that it wrote to stderr, when it has ended. */
  log(line: string): void;
  /** Wall time; default ten minutes. */
  limitMs?: number;
}

const LIMIT_MS = 10 * 60_000;

/** Bytes of stdout: some, and so many a row. */
const MOST_BYTES = 1024 ** 2;
const MOST_ROW_BYTES = 1024;

/** Lines of stderr that are kept, and how much of each. */
const LAST_LINES = 20;
const LINE_CHARACTERS = 1000;

/** How long pipes may outlive the process: something that it started could hold them open. */
const GRACE_MS = 1000;

/** Ids that a message names. */
const NAMED_IDS = 5;

function where(task: string): string {
  return `evaluation.scorers.${task}`;
}

/**
 * Hex SHA-256 of a scorer's executable.
 * @throws InvalidConfigError where there is no file that can be executed
 */
export async function scorerHash(task: string, path: string): Promise<string> {
  if ((await fileSize(path)) === null)
    throw new InvalidConfigError(`${where(task)}: file must exist, got none at ${path}`);
  await access(path, constants.X_OK).catch(() => {
    throw new InvalidConfigError(`${where(task)}: must be executable, got ${path} without the right; chmod +x it`);
  });
  return hashFile(path);
}

/**
 * Scores of a task's answers, by id: the executable is started once, without a shell and without arguments, in its own
 * folder. Each row is a line of JSON on its stdin; it prints a line `{"id", "score"}` for each in any order.
 * @throws InvalidConfigError where it cannot be started, does not end well or in time, or prints anything else
 */
export async function runScorer(
  path: string,
  task: string,
  rows: readonly AskedAnswer[],
  { signal, log, limitMs = LIMIT_MS }: ScorerOptions,
): Promise<Map<number, number>> {
  const ended = await runChild(path, rows, { signal, limitMs });
  for (const line of ended.lastLines) log(`${where(task)}: ${line}`);
  const problem = problemOf(ended, rows.length, limitMs);
  if (problem !== null)
    throw new InvalidConfigError(`${where(task)}: ${problem}${saidText(ended.lastLines)}; mend ${path}`);
  return readScores(task, ended.output, rows);
}

/** How a process ended. */
interface Ended {
  output: string;
  /** Whether it printed more than it may, and was ended for it. */
  isTooLong: boolean;
  isLate: boolean;
  code: number | null;
  signal: NodeJS.Signals | null;
  startError: Error | null;
  /** Of its stderr. */
  lastLines: string[];
}

function problemOf(
  { isTooLong, isLate, code, signal, startError }: Ended,
  rowCount: number,
  limitMs: number,
): string | null {
  if (startError !== null) return `must start, got ${startError.message}; a script begins with #! and its interpreter`;
  if (isLate) return `must end within ${limitMs / 1000} s for ${rowCount.toLocaleString('en')} rows, got no end`;
  if (isTooLong)
    return `must print at most ${mostBytes(rowCount).toLocaleString('en')} bytes for ${rowCount.toLocaleString('en')} rows, got more`;
  if (signal !== null) return `must end with code 0, got its end by ${signal}`;
  return code === 0 ? null : `must end with code 0, got ${code}`;
}

function saidText(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `; its last words: ${lines.slice(-3).join(' | ')}`;
}

function mostBytes(rowCount: number): number {
  return MOST_BYTES + rowCount * MOST_ROW_BYTES;
}

/** Runs the process to its end, whatever that is. Never rejects. */
function runChild(
  path: string,
  rows: readonly AskedAnswer[],
  { signal, limitMs }: { signal: AbortSignal; limitMs: number },
): Promise<Ended> {
  // Of a process group of its own: what it starts ends with it, and an interrupt of the terminal is for this process.
  const child = spawn(path, [], { cwd: dirname(path), stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const stdout = new BoundedText(mostBytes(rows.length));
  const stderr = new LastLines();
  let [isLate, isTooLong] = [false, false];
  const late = setTimeout(() => {
    isLate = true;
    endGroup(child);
  }, limitMs);
  const stop = (): void => endGroup(child);
  signal.addEventListener('abort', stop);
  child.stdout.on('data', (bytes: Buffer) => {
    if (isTooLong || stdout.add(bytes)) return;
    isTooLong = true;
    endGroup(child);
  });
  child.stderr.on('data', (bytes: Buffer) => stderr.add(bytes));
  // A scorer may read as little as it likes.
  child.stdin.on('error', () => undefined);
  Readable.from(linesOf(rows)).pipe(child.stdin);
  return new Promise((resolve) => {
    const settle = (code: number | null, by: NodeJS.Signals | null, startError: Error | null): void => {
      clearTimeout(late);
      signal.removeEventListener('abort', stop);
      endGroup(child);
      const [output, lastLines] = [stdout.text(), stderr.lines()];
      resolve({ output, isTooLong, isLate, code, signal: by, startError, lastLines });
    };
    child.once('error', (error) => settle(null, null, error));
    child.once('exit', (code, by) => {
      const tell = (): void => settle(code, by, null);
      const timer = setTimeout(tell, GRACE_MS);
      child.once('close', () => {
        clearTimeout(timer);
        tell();
      });
    });
    if (signal.aborted) stop();
  });
}

function* linesOf(rows: readonly AskedAnswer[]): Generator<string> {
  for (const row of rows) yield `${JSON.stringify(row)}\n`;
}

/** Ends a process with all that it has started; what has ended already does not mind. */
function endGroup(child: ChildProcessWithoutNullStreams): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

/** Text up to a size. */
class BoundedText {
  readonly #most: number;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns whether it still fits */
  add(bytes: Buffer): boolean {
    this.#length += bytes.length;
    if (this.#length > this.#most) return false;
    this.#chunks.push(bytes);
    return true;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

/** The last lines of a stream of any length. */
class LastLines {
  #text = '';

  add(bytes: Buffer): void {
    this.#text = `${this.#text}${bytes.toString('utf8')}`.slice(-LAST_LINES * LINE_CHARACTERS);
  }

  lines(): string[] {
    const lines = this.#text.split('\n').map((line) => line.trimEnd().slice(0, LINE_CHARACTERS));
    return lines.filter((line) => line !== '').slice(-LAST_LINES);
  }
}

/** @throws InvalidConfigError for anything but one score for each row */
function readScores(task: string, output: string, rows: readonly AskedAnswer[]): Map<number, number> {
  const asked = new Set(rows.map(({ id }) => id));
  const scores = new Map<number, number>();
  const refuse = (problem: string): never => {
    throw new InvalidConfigError(`${where(task)}: ${problem}; print one line {"id": …, "score": …} a row to stdout`);
  };
  for (const [index, line] of output.split('\n').entries()) {
    if (line.trim() === '') continue;
    const { id, score } = scoreOf(line) ?? refuse(`line ${index + 1} must be {"id", "score"}, got ${quoted(line)}`);
    if (!asked.has(id as number)) refuse(`ids must be those of its rows, got ${quoted(id)}`);
    if (scores.has(id as number)) refuse(`every id must come once, got ${id as number} twice`);
    if (typeof score !== 'number' || !(score >= 0 && score <= 1))
      refuse(`scores must be numbers in [0, 1], got ${quoted(score)} for ${id as number}`);
    scores.set(id as number, score as number);
  }
  const missing = rows.flatMap(({ id }) => (scores.has(id) ? [] : [id]));
  if (missing.length === 0) return scores;
  const more = missing.length > NAMED_IDS ? ` and ${(missing.length - NAMED_IDS).toLocaleString('en')} more` : '';
  return refuse(
    `each of ${rows.length.toLocaleString('en')} rows must get a score, got none for ${missing.slice(0, NAMED_IDS).join(', ')}${more}`,
  );
}

function scoreOf(line: string): { id: unknown; score: unknown } | null {
  try {
    const value: unknown = JSON.parse(line);
    if (isJsonObject(value) && 'id' in value && 'score' in value) return { id: value['id'], score: value['score'] };
  } catch {
    // Told as any line that is none.
  }
  return null;
}
