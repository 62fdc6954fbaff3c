// Ctrl-C while a command works.
import { removeOpenPartials } from '../../store/local-store.ts';
import { EXIT } from './outcome.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** What Ctrl-C means while something runs. */
export interface Interrupt {
  /** Aborted by the first interrupt. */
  signal: AbortSignal;
  /** What the second interrupt ends before the process exits. */
  atOnce: () => void;
  /** Gives the signals back. */
  release(): void;
}

/** The first SIGINT or SIGTERM asks to stop at a checkpoint, the second exits at once. */
export function interruptible(say: (text: string) => void): Interrupt {
  const controller = new AbortController();
  const interrupt: Interrupt = { signal: controller.signal, atOnce: () => undefined, release };
  const onSignal = (): void => {
    if (controller.signal.aborted) {
      interrupt.atOnce();
      process.exit(EXIT.interrupted);
    }
    say('\nstopping at the next checkpoint; once more to exit at once');
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  function release(): void {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
  return interrupt;
}

/** Does work that only writes files: an interrupt ends it at once and leaves no unfinished file. */
export async function writing<Result>(work: () => Promise<Result>): Promise<Result> {
  const onSignal = (): void => {
    removeOpenPartials();
    process.exit(EXIT.interrupted);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    return await work();
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
