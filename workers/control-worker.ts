// The worker of workflows and light activities.
import { NativeConnection, Worker } from '@temporalio/worker';
import { CONTROL_QUEUE } from '../contracts/queues.ts';
import { TiveControlPlugin } from '../plugins/control-plugin.ts';
import { connectionConfig } from './connection.ts';
import type { WorkerAddress } from './connection.ts';
import { deploymentOptions } from './deployment.ts';
import { payloadOptions } from './payload-codecs.ts';
import { runWorker } from './running-worker.ts';
import type { RunningWorker } from './running-worker.ts';
import { workflowBundle } from './workflow-bundle.ts';

/** Starts a worker of workflows and light activities in this process. */
export async function startControlWorker(server: WorkerAddress): Promise<RunningWorker> {
  const { connectionOptions, namespace } = connectionConfig(server);
  const [connection, bundle] = await Promise.all([NativeConnection.connect(connectionOptions), workflowBundle()]);
  const worker = await Worker.create({
    connection,
    namespace,
    ...deploymentOptions(server.deployment),
    ...(await payloadOptions()),
    taskQueue: CONTROL_QUEUE,
    workflowBundle: bundle,
    plugins: [new TiveControlPlugin()],
    maxHeartbeatThrottleInterval: '5s',
    shutdownForceTime: '30s',
  });
  return runWorker(worker, connection);
}
