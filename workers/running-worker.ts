// A worker that polls until it is stopped.
import type { NativeConnection, Worker } from '@temporalio/worker';

/** A worker that is polling. */
export interface RunningWorker {
  /** Drains and closes the connection. */
  stop(): Promise<void>;
  /** Settles when the worker ends, by `stop` or by an error. */
  finished: Promise<void>;
}

/** Lets a worker poll until it is stopped. */
export function runWorker(worker: Worker, connection: NativeConnection): RunningWorker {
  const run = async (): Promise<void> => {
    try {
      await worker.run();
    } finally {
      await connection.close();
    }
  };
  const finished = run();
  return {
    finished,
    stop: async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await finished;
    },
  };
}
