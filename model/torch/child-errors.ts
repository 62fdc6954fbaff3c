// What a refusal or the end of the torch engine's process means to the house.
import { InvalidConfigError, InvalidDatasetError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json-object.ts';

/** How an engine's process ended. */
export interface ChildDeath {
  code: number | null;
  signal: string | null;
  /** The call that waited longest; null between calls. */
  during: string | null;
  /** Whether it had answered a call before. */
  hasAnswered: boolean;
  /** What it said last on stderr. */
  lastLines: readonly string[];
}

/** What the no-progress rule looks for before it advises more memory. */
const MEMORY_WORDS = 'out of memory';

/**
 * The error of an answer `{ kind, message }`: config and data are the caller's to mend; memory and internal are tried
 * again.
 */
export function replyError(call: string, { kind, message }: JsonObject): Error {
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  switch (kind) {
    case 'config':
      return new InvalidConfigError(text);
    case 'data':
      return new InvalidDatasetError(text);
    case 'memory':
      return new Error(text.includes(MEMORY_WORDS) ? text : `torch: ${call}: ${MEMORY_WORDS}: ${text}`);
    default:
      return new Error(`torch: ${call} must succeed, got ${text}`);
  }
}

/** The error where the program cannot be started: the caller's mistake where there is no such program. */
export function startError(python: string, { code, message }: NodeJS.ErrnoException): Error {
  const rule = `torch: the Python program ${python} must start, got ${message}`;
  return code === 'ENOENT' || code === 'EACCES'
    ? new InvalidConfigError(`${rule}; run \`tive setup torch\`, or set TIVE_PYTHON`)
    : new Error(rule);
}

/** A module that Python does not have, as its last line says it. */
const NO_MODULE = /^(?:ModuleNotFoundError|ImportError): .*/;

/**
 * The error of a process that ended by itself: passing trouble, but for a Python that lacks a package, which it tells
 * before its first answer.
 */
export function deathError({ code, signal, during, hasAnswered, lastLines }: ChildDeath): Error {
  const missing = hasAnswered ? undefined : lastLines.findLast((line) => NO_MODULE.test(line));
  if (missing !== undefined)
    return new InvalidConfigError(
      `torch: Python must have torch, transformers and peft, got ${missing}; run \`tive setup torch\`, or set TIVE_PYTHON`,
    );
  // The kernel kills in this way for lack of memory, and leaves no words.
  const end = signal === null ? `exit code ${code}` : signal === 'SIGKILL' ? `SIGKILL (${MEMORY_WORDS}?)` : signal;
  const when = during === null ? 'go on' : `answer ${during}`;
  const said = lastLines.length === 0 ? '' : `; it said last:\n${lastLines.join('\n')}`;
  return new Error(`torch: the engine's process must ${when}, got its end by ${end}${said}`);
}
