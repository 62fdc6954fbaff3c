// What a command needs of Temporal: a client, and with an embedded server the workers too.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { prepareEngine } from '../../setup/prepare-engine.ts';
import type { EngineSetup } from '../../setup/prepare-engine.ts';
import { prepareTemporal } from '../../setup/temporal.ts';
import { planComputeSlots, thisHost } from '../../workers/compute-environment.ts';
import { connectionConfig } from '../../workers/connection.ts';
import type { ServerAddress } from '../../workers/connection.ts';
import { payloadOptions } from '../../workers/payload-codecs.ts';
import type { LogSink } from '../../workers/install-runtime.ts';
import type { RunningWorker } from '../../workers/running-worker.ts';
import type { Supervisor } from '../../workers/supervisor.ts';
import { closableCalls } from './closable-calls.ts';
import { startEmbeddedServer } from './embedded-server.ts';

/** An embedded server that does not serve within this has failed. */
const SERVING_TIMEOUT_MS = 60_000;
const SERVING_POLL_MS = 50;

/** Where runs are started, and what belongs to this process of it. */
export interface Runtime {
  client: Client;
  /** Whether server and workers live and end with this process. */
  embedded: boolean;
  address: string;
  uiUrl: string | null;
  /** Compute processes of this runtime, null on a cluster. */
  supervisor: Supervisor | null;
  /** Stops workers at their checkpoints, then the server. */
  close(): Promise<void>;
}

export interface RuntimeOptions {
  /** Address of a running server, or null for an embedded one. */
  address: string | null;
  namespace?: string | null;
  /** Database file of the embedded server. */
  databasePath: string;
  /** Whether nothing in that file is needed: what was done is taken from a store. */
  isFresh?: boolean;
  /** Whether the embedded server serves its own web UI. */
  withUi?: boolean;
  /** Compute processes; null = one a GPU, else one a core. */
  processCount?: number | null;
  log: LogSink;
  say: (text: string) => void;
}

/** Connects to a cluster, or starts server, control worker and compute processes in and below this process. */
export async function openRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { address, namespace = null } = options;
  return address === null ? openEmbedded(options) : connectServer({ address, namespace });
}

/** Connects to the embedded server of another command. */
export async function joinEmbedded(address: string): Promise<Runtime> {
  return connectServer({ address, namespace: null, isEmbedded: true });
}

/** Connects to a running server, by Temporal's own configuration where no address is given. */
export async function connectServer(server: ServerAddress): Promise<Runtime> {
  const { connectionOptions, namespace } = connectionConfig(server);
  const address = String(connectionOptions.address ?? server.address);
  const calls = closableCalls();
  const options = { ...connectionOptions, connectTimeout: 5000, interceptors: calls.interceptors } as object;
  const connection = await Connection.connect(options).catch((error: Error) => {
    calls.close();
    throw new InvalidConfigError(
      `temporal: server must answer at ${address} within 5 s, got ${error.message}; start it, or omit --address for the embedded one`,
    );
  });
  const close = async (): Promise<void> => {
    calls.close();
    await connection.close();
  };
  const client = new Client({ connection, namespace, ...(await payloadOptions()) });
  return { client, embedded: false, address, uiUrl: null, supervisor: null, close };
}

async function openEmbedded({
  databasePath,
  isFresh = false,
  withUi = false,
  processCount = null,
  log,
  say,
}: RuntimeOptions): Promise<Runtime> {
  // Light work alone needs no engine.
  const prepared = processCount === 0 ? null : prepareEngine(say);
  const [engine, temporal] = await Promise.all([prepared, prepareTemporal(say)]);
  if (engine !== null) useEngine(engine, say);
  // What the workers load takes about as long as the server's start.
  const [server, { Supervisor, installRuntime, startControlWorker }] = await Promise.all([
    startEmbeddedServer({ program: temporal.path, databasePath, withUi, isFresh, say }),
    loadWorkers(),
  ]);
  const address: ServerAddress = { address: server.address, namespace: 'default', isEmbedded: true };
  const supervisor = new Supervisor(address, planComputeSlots(thisHost(engine?.gpuCount ?? 0), processCount), log);
  let [runtime, control]: [Runtime | null, RunningWorker | null] = [null, null];
  const close = async (): Promise<void> => {
    await supervisor.stop();
    await control?.stop();
    await runtime?.close();
    await server.stop();
  };
  try {
    installRuntime(log);
    runtime = await connectWhenServing(address);
    supervisor.start();
    control = await startControlWorker(address);
    return { ...runtime, embedded: true, uiUrl: server.uiUrl, supervisor, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Workers of this process: they and their activities are most of what an embedded command loads. */
async function loadWorkers() {
  const [{ Supervisor }, { installRuntime }, { startControlWorker }] = await Promise.all([
    import('../../workers/supervisor.ts'),
    import('../../workers/install-runtime.ts'),
    import('../../workers/control-worker.ts'),
  ]);
  return { Supervisor, installRuntime, startControlWorker };
}

/** A server that has just been started takes connections before it serves. */
async function connectWhenServing(address: ServerAddress): Promise<Runtime> {
  const deadline = Date.now() + SERVING_TIMEOUT_MS;
  for (;;) {
    try {
      return await connectServer(address);
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(SERVING_POLL_MS);
    }
  }
}

/** Hands what set-up found to the compute processes, through the environment that they inherit. */
export function useEngine({ reason, environment }: EngineSetup, say: (text: string) => void): void {
  if (reason !== null) {
    say(`the native engine is not used: ${reason}; wasm is used, several times slower`);
    process.env['TIVE_NO_NATIVE'] = reason;
  }
  Object.assign(process.env, environment);
}
