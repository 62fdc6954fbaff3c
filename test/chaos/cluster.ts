import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { connectServer } from '../../client/runtime.ts';
import type { Runtime } from '../../client/runtime.ts';
import { COMPUTE_QUEUE, CONTROL_QUEUE } from '../../contracts/queues.ts';
import { writeSmallDataset } from '../client/small-dataset.ts';
import { processesWith } from '../client/tive-process.ts';
import { startServer, untilPolled } from '../operations/live.ts';
import { startFaultyProxy } from '../store/faulty-proxy.ts';
import type { FaultyProxy } from '../store/faulty-proxy.ts';
import { startS3Server } from '../store/s3-server.ts';
import type { S3Server } from '../store/s3-server.ts';
import { Component } from './component.ts';

/** Server, control worker and two nodes with a compute process each, and an object store behind a proxy. */
export interface Cluster {
  folder: string;
  /** Folder of the dataset and its recipe. */
  data: string;
  address: string;
  control: Component;
  nodes: Component[];
  runtime: Runtime;
  /** Environment of everything that runs on it. */
  environment: Record<string, string>;
  objects: { server: S3Server; proxy: FaultyProxy } | { refusal: string };
  /** Why clocks cannot be shifted, or null. */
  clockRefusal: string | null;
  serverProcess(): number;
  stop(): Promise<void>;
}

/** @returns in words why there is none */
export async function startCluster(folder: string): Promise<Cluster | string> {
  const { server, refusal } = await startServer(folder);
  if (server === null) return refusal;
  const data = join(folder, 'data');
  writeSmallDataset(data);
  const objects = await startObjects();
  const clock = buildClock(folder);
  const environment = {
    TF_NUM_INTRAOP_THREADS: '1',
    ...('refusal' in objects ? {} : { ...objects.server.environment, AWS_ENDPOINT_URL_S3: objects.proxy.endpoint }),
    ...('refusal' in clock ? {} : { LD_PRELOAD: clock.library }),
  };
  const { address } = server;
  const worker = (name: string, ...args: string[]): Component => {
    const component = new Component(join(folder, name), name, ['worker', ...args, '--address', address], environment);
    component.start();
    return component;
  };
  const control = worker('control', 'control');
  const nodes = ['node-1', 'node-2'].map((name) => worker(name, 'compute', '--processes', '1'));
  const runtime = await connectServer({ address, namespace: 'default' });
  await Promise.all([untilPolled(address, CONTROL_QUEUE, 1), untilPolled(address, COMPUTE_QUEUE, 2)]);
  return {
    folder,
    data,
    address,
    control,
    nodes,
    runtime,
    environment,
    objects,
    clockRefusal: 'refusal' in clock ? clock.refusal : null,
    serverProcess: () => processesWith(join(folder, 'temporal.db'))[0]!,
    stop: async () => {
      await Promise.all([control, ...nodes].map((component) => component.stop()));
      await runtime.close();
      await server.stop();
      if ('refusal' in objects) return;
      await objects.proxy.stop();
      await objects.server.stop();
    },
  };
}

async function startObjects(): Promise<Cluster['objects']> {
  const server = await startS3Server();
  return typeof server === 'string' ? { refusal: server } : { server, proxy: await startFaultyProxy(server.endpoint) };
}

/** Compiles the preloaded clock. */
function buildClock(folder: string): { library: string } | { refusal: string } {
  const library = join(folder, 'shifted-clock.so');
  mkdirSync(folder, { recursive: true });
  const source = join(import.meta.dirname, '../fixtures/shifted-clock.c');
  const flags = ['-shared', '-fPIC', '-O2', '-x', 'c', '-std=gnu11', '-o', library, source, '-ldl'];
  const { status, stderr } = spawnSync('cc', flags, { encoding: 'utf8' });
  return status === 0 ? { library } : { refusal: `clocks: a C compiler must build ${source}, got ${stderr ?? 'none'}` };
}
