// The worker of heavy activities.
import { NativeConnection, Worker } from '@temporalio/worker';
import { COMPUTE_QUEUE } from '../contracts/queues.ts';
import { TiveComputePlugin } from '../plugins/compute-plugin.ts';
import { connectionConfig } from './connection.ts';
import type { WorkerAddress } from './connection.ts';
import { deploymentOptions } from './deployment.ts';
import { payloadOptions } from './payload-codecs.ts';
import { runWorker } from './running-worker.ts';
import type { RunningWorker } from './running-worker.ts';

/** Starts a worker of heavy activities in this process: one at a time, since the process holds one engine. */
export async function startComputeWorker(server: WorkerAddress): Promise<RunningWorker> {
  const { connectionOptions, namespace } = connectionConfig(server);
  const connection = await NativeConnection.connect(connectionOptions);
  const worker = await Worker.create({
    connection,
    namespace,
    ...deploymentOptions(server.deployment),
    ...(await payloadOptions()),
    taskQueue: COMPUTE_QUEUE,
    plugins: [new TiveComputePlugin()],
    maxConcurrentActivityTaskExecutions: 1,
    maxHeartbeatThrottleInterval: '5s',
    shutdownForceTime: '2m',
  });
  return runWorker(worker, connection);
}
