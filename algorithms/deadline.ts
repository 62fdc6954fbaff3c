// Code of others under a deadline: regular expressions and templates that come with a model may never end.
import { Script, createContext } from 'node:vm';

/** Code ran past its deadline. */
export class DeadlineError extends Error {
  override name = 'DeadlineError';
}

const script = new Script('run()');
/** Made once: a context costs milliseconds, a call in it some 0.05. */
const context: { run?: (() => unknown) | undefined } = createContext({});

/** Below this share of the limit in time of the processor, a process has waited for others. */
const LEAST_SHARE = 0.5;
/** Windows that are granted to one that waits, each twice as long as the last. */
const MOST_WINDOWS = 8;

/**
 * Runs code that does not wait, and stops it in the midst when its time is over: V8 ends loops and the backtracking of
 * regular expressions alike. V8 counts wall time; where this process had less than half of the limit in time of the
 * processor, the code is begun anew with twice the wall time, so that a busy machine does not end what would have
 * ended. So what it changes must bear to be half changed, and to be changed again.
 * @param limitMs time of the processor that it may take, in milliseconds, within a factor of two
 * @throws DeadlineError when it takes longer; whatever the code throws
 */
export function withDeadline<T>(limitMs: number, run: () => T): T {
  for (let window = 0; ; window += 1) {
    const before = process.cpuUsage();
    try {
      return runWithin(limitMs * 2 ** window, run);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
      const { user, system } = process.cpuUsage(before);
      const hasWaited = (user + system) / 1000 < LEAST_SHARE * limitMs;
      if (hasWaited && window + 1 < MOST_WINDOWS) continue;
      throw new DeadlineError(`must end within ${limitMs / 1000} s`, { cause: error });
    }
  }
}

function runWithin<T>(limitMs: number, run: () => T): T {
  const { run: outer } = context;
  context.run = run;
  try {
    return script.runInContext(context, { timeout: limitMs }) as T;
  } finally {
    context.run = outer;
  }
}
