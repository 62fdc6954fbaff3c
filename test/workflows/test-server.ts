import type { Client } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { COMPUTE_QUEUE, CONTROL_QUEUE } from '../../contracts/queues.ts';
import { prepareTemporal } from '../../setup/temporal.ts';
import { EMBEDDED, installRuntime } from '../../workers/install-runtime.ts';
import { workflowBundle } from '../../workers/workflow-bundle.ts';
import { fakeActivities, mapActivities } from './fake-activities.ts';
import type { Activity, Fakes } from './fake-activities.ts';

/** A development server with a worker of each kind. */
export interface TestServer {
  client: Client;
  /**
   * Does the work while these activities answer. The workers serve one test at a time: their queues have fixed names.
   */
  play<Result>(fakes: Fakes, work: () => Promise<Result>): Promise<Result>;
  stop(): Promise<void>;
}

export interface TestServerOptions {
  /** Arguments of the server. */
  extraArgs?: string[];
  /** 0 = every workflow task replays the whole history. */
  maxCachedWorkflows?: number;
  /** Workflows that are bundled already. */
  bundle?: { codePath: string };
}

/** Starts the development server in memory, and the workers with the workflows as they are. */
export async function startTestServer(program: string, options: TestServerOptions = {}): Promise<TestServer> {
  const { extraArgs = [], maxCachedWorkflows = 100 } = options;
  installRuntime(() => undefined, { ...EMBEDDED, level: 'ERROR' });
  const log = { format: 'pretty', level: 'never' };
  const executable = { type: 'existing-path', path: program } as const;
  // One after the other: the server must answer within the SDK's five seconds, and bundling keeps both cores busy.
  const bundle = options.bundle ?? (await workflowBundle());
  const environment = await startServer({
    server: { executable, log, extraArgs },
    client: { identity: 'client' },
  });
  let current: Fakes = fakeActivities();
  const common = {
    connection: environment.nativeConnection,
    shutdownForceTime: '5s',
    // Cancellation arrives with the answer to a heartbeat.
    maxHeartbeatThrottleInterval: '50ms',
  } as const;
  const control = await Worker.create({
    ...common,
    taskQueue: CONTROL_QUEUE,
    // Recorded histories name neither machine nor process.
    identity: 'control',
    workflowBundle: bundle,
    maxCachedWorkflows,
    activities: forwarded(current.control, () => current.control),
  });
  const compute = await Worker.create({
    ...common,
    taskQueue: COMPUTE_QUEUE,
    identity: 'compute',
    activities: forwarded(current.compute, () => current.compute),
  });
  const finished = Promise.all([control.run(), compute.run()]);
  return {
    client: environment.client,
    play: (fakes, work) => {
      current = fakes;
      return work();
    },
    stop: async () => {
      control.shutdown();
      compute.shutdown();
      await finished;
      await environment.teardown();
    },
  };
}

/** Starts the server; on a busy machine it may miss its time once or twice. */
async function startServer(
  options: Parameters<typeof TestWorkflowEnvironment.createLocal>[0],
  attempts = 3,
): Promise<TestWorkflowEnvironment> {
  try {
    return await TestWorkflowEnvironment.createLocal(options);
  } catch (error) {
    if (attempts === 1) throw error;
    return startServer(options, attempts - 1);
  }
}

/** Activities that ask the ones of the moment. */
function forwarded<Kind extends object>(activities: Kind, now: () => Kind): Kind {
  return mapActivities(activities, (name, _, input) => (now()[name as keyof Kind] as Activity)(input));
}

/** The server's program, or why there is none. */
export async function findServer(): Promise<{ program: string } | { reason: string }> {
  try {
    return { program: (await prepareTemporal(() => undefined)).path };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}
