import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { connectServer } from '../../client/cluster/runtime.ts';
import type { Runtime } from '../../client/cluster/runtime.ts';
import { COMPUTE_QUEUE, CONTROL_QUEUE } from '../../contracts/queues.ts';
import { writeSmallDataset } from '../client/small-dataset.ts';
import { processesWith } from '../client/tive-process.ts';
import { startServer, untilPolled } from '../operations/live.ts';
import { startFaultyProxy } from '../store/faulty-proxy.ts';
import type { FaultyProxy } from '../store/faulty-proxy.ts';
import { startS3Server } from '../store/s3-server.ts';
import type { S3Server } from '../store/s3-server.ts';
import { Component } from './component.ts';
import { mountSmallDisk, unmount } from './small-disk.ts';
import { openNetwork, SHARED_NETWORK } from './network.ts';
import type { Network } from './network.ts';

const DISK_MEGABYTES = 64;

/** A compute process and its supervisor, with a folder and, where the machine allows it, a network of their own. */
export interface ComputeNode {
  worker: Component;
  network: Network;
}

/** Server, control worker and two nodes, and an object store behind a proxy. */
export interface Cluster {
  folder: string;
  /** Folder of the dataset and its recipe. */
  data: string;
  address: string;
  control: Component;
  nodes: ComputeNode[];
  runtime: Runtime;
  /** Environment of everything that runs on it. */
  environment: Record<string, string>;
  objects: { server: S3Server; proxy: FaultyProxy } | { refusal: string };
  /** Folder of a small disk. */
  disk: string;
  /** Why there is no small disk, or null. */
  diskRefusal: string | null;
  /** Why clocks cannot be shifted, or null. */
  clockRefusal: string | null;
  /** Why nodes have no network of their own, or null. */
  networkRefusal: string | null;
  serverProcess(): number;
  /** Starts one more node. */
  addNode(): Promise<void>;
  stop(): Promise<void>;
}

/** @returns in words why there is none */
export async function startCluster(folder: string): Promise<Cluster | string> {
  const { server, refusal } = await startServer(folder);
  if (server === null) return refusal;
  const data = join(folder, 'data');
  writeSmallDataset(data);
  // A network of its own brings a node its own mounts: those of this moment.
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  const diskRefusal = mountSmallDisk(disk, DISK_MEGABYTES);
  const objects = await startObjects();
  const clock = buildClock(folder);
  const environment = {
    TF_NUM_INTRAOP_THREADS: '1',
    ...('refusal' in objects ? {} : { ...objects.server.environment, AWS_ENDPOINT_URL_S3: objects.proxy.endpoint }),
    ...('refusal' in clock ? {} : { LD_PRELOAD: clock.library }),
  };
  const { address } = server;
  const control = new Component(
    join(folder, 'control'),
    'control',
    ['worker', 'control', '--address', address],
    environment,
  );
  control.start();
  const nodes: ComputeNode[] = [];
  let nodeCount = 0;
  let networkRefusal: string | null = null;
  const addNode = async (): Promise<void> => {
    nodeCount += 1;
    const found = openNetwork(nodeCount);
    if (typeof found === 'string') networkRefusal = found;
    const network = typeof found === 'string' ? SHARED_NETWORK : found;
    nodes.push({ network, worker: await startNode(join(folder, `node-${nodeCount}`), network, address, environment) });
  };
  await addNode();
  await addNode();
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
    disk,
    diskRefusal,
    clockRefusal: 'refusal' in clock ? clock.refusal : null,
    networkRefusal,
    addNode,
    serverProcess: () => processesWith(join(folder, 'temporal.db'))[0]!,
    stop: async () => {
      await Promise.all([control, ...nodes.map(({ worker }) => worker)].map((component) => component.stop()));
      for (const { network } of nodes) network.close();
      await runtime.close();
      await server.stop();
      unmount(disk);
      if ('refusal' in objects) return;
      await objects.proxy.stop();
      await objects.server.stop();
    },
  };
}

/** A node owns nothing but the addresses of the server and of the object store. */
async function startNode(
  folder: string,
  network: Network,
  serverAddress: string,
  environment: Readonly<Record<string, string>>,
): Promise<Component> {
  const passed = async (address: string): Promise<string> => network.pass(Number(address.split(':').at(-1)));
  const endpoint = environment['AWS_ENDPOINT_URL_S3'];
  const objects = endpoint === undefined ? {} : { AWS_ENDPOINT_URL_S3: `http://${await passed(endpoint)}` };
  const args = ['worker', 'compute', '--processes', '1', '--address', await passed(serverAddress)];
  const worker = new Component(folder, 'node', args, { ...environment, ...objects }, network.prefix);
  worker.start();
  return worker;
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
