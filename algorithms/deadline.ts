// Code of others under a deadline: regular expressions and templates that come with a model may never end.
import { Script, createContext } from 'node:vm';

/** Code ran past its deadline. */
export class DeadlineError extends Error {
  override name = 'DeadlineError';
}

const script = new Script('run()');
/** Made once: a context costs milliseconds, a call in it some 0.05. */
const context: { run?: (() => unknown) | undefined } = createContext({});

/**
 * Runs code that does not wait, and stops it in the midst when its time is over: V8 ends loops and the backtracking of
 * regular expressions alike. What it was changing by then is left half changed.
 * @param limitMs wall time that it may take, in milliseconds
 * @throws DeadlineError when it takes longer; whatever the code throws
 */
export function withDeadline<T>(limitMs: number, run: () => T): T {
  const { run: outer } = context;
  context.run = run;
  try {
    return script.runInContext(context, { timeout: limitMs }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new DeadlineError(`must end within ${limitMs / 1000} s`, { cause: error });
  } finally {
    context.run = outer;
  }
}
