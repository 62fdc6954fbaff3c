import { NativeConnection, Worker } from '@temporalio/worker';
import { CONTROL_QUEUE } from '../contracts/queues.ts';
import { TiveControlPlugin } from '../plugins/control-plugin.ts';
import { connectionConfig } from './connection.ts';
import type { ServerAddress } from './connection.ts';
import { workflowBundle } from './workflow-bundle.ts';

/** A worker that is polling. */
export interface RunningWorker {
  /** Drains and closes the connection. */
  stop(): Promise<void>;
  /** Settles when the worker ends, by `stop` or by an error. */
  finished: Promise<void>;
}

/** Starts a worker of workflows and light activities in this process. */
export async function startControlWorker(server: ServerAddress): Promise<RunningWorker> {
  const { connectionOptions, namespace } = connectionConfig(server);
  const [connection, bundle] = await Promise.all([NativeConnection.connect(connectionOptions), workflowBundle()]);
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: CONTROL_QUEUE,
    workflowBundle: bundle,
    plugins: [new TiveControlPlugin()],
    maxHeartbeatThrottleInterval: '5s',
    shutdownForceTime: '30s',
  });
  const finished = worker.run().finally(() => connection.close());
  return {
    finished,
    stop: async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await finished;
    },
  };
}
