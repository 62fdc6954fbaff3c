import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../algorithms/random-stream.ts';
import type { Fault as RequestFault } from '../store/faulty-proxy.ts';
import type { Cluster } from './cluster.ts';
import type { Component } from './component.ts';

/** Where the store of a run lies. */
export type StoreKind = 'folder' | 'bucket' | 'small disk';

/** What a fault may strike. */
export interface Target {
  cluster: Cluster;
  client: Component;
  random: Random;
}

/** Something that goes wrong once, and is whole again when `strike` has ended. */
export interface Fault {
  name: string;
  store: StoreKind;
  /** Whether work that is not in the store is gone. */
  losesWork: boolean;
  strike(target: Target): Promise<void>;
}

/** Seconds without a heartbeat after which an attempt is given up. */
export const HEARTBEAT_SECONDS = 6;

const OUTAGE_MS = 6000;
const RESTART_MS = 500;
const CLOCK_JUMPS = [3600, -1800, 0];

const pick = <Item>(random: Random, items: readonly Item[]): Item => items[random.integer(items.length)]!;

const processFault = (name: string, losesWork: boolean, strike: Fault['strike']): Fault => ({
  name,
  store: 'folder',
  losesWork,
  strike,
});

function computeProcess({ cluster, random }: Target): number | undefined {
  const workers = cluster.nodes.map(({ worker }) => worker).filter(({ isRunning }) => isRunning);
  const processes = workers.flatMap((worker) => worker.computeProcesses());
  return processes.length === 0 ? undefined : pick(random, processes);
}

function signal(pid: number | undefined, name: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(pid, name);
  } catch (error) {
    // A process that has just ended needs no signal.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Ends a component and starts it again, as the platform that runs it does. */
async function restart(component: Component, name: NodeJS.Signals): Promise<void> {
  component.signal(name);
  await component.finished();
  await sleep(RESTART_MS);
  component.start();
}

/** Stops a process for longer than the heartbeat timeout, then lets it go on where it was. */
async function freeze(pid: number | undefined, seconds: number): Promise<void> {
  signal(pid, 'SIGSTOP');
  await sleep(1000 * seconds);
  signal(pid, 'SIGCONT');
}

/** Ends a node with all that it has on its disk, for ever. Another one joins later. */
async function wipeNode({ cluster, random }: Target): Promise<void> {
  const { nodes } = cluster;
  const [wiped] = nodes.splice(random.integer(nodes.length), 1);
  const { worker, network } = wiped!;
  for (const pid of [...worker.computeProcesses(), worker.pid]) signal(pid, 'SIGKILL');
  await worker.finished();
  rmSync(worker.folder, { recursive: true, force: true });
  network.close();
  await sleep(OUTAGE_MS);
  await cluster.addNode();
}

/** A node that works on, but reaches nobody for longer than the heartbeat timeout. */
async function cutNetwork({ cluster, random }: Target): Promise<void> {
  const { network } = pick(random, cluster.nodes);
  network.setLink('down');
  await sleep(1000 * (HEARTBEAT_SECONDS + 3));
  network.setLink('up');
}

async function fillDisk({ cluster }: Target): Promise<void> {
  const path = join(cluster.disk, 'filler');
  const file = openSync(path, 'w');
  for (let size = 1024 * 1024; size >= 1024;) {
    try {
      writeSync(file, Buffer.alloc(size));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      size /= 4;
    }
  }
  closeSync(file);
  await sleep(OUTAGE_MS);
  rmSync(path);
}

/** Breaks a share of the requests for some seconds. */
function storeFault(name: string, share: number, faults: readonly RequestFault[]): Fault {
  return {
    name,
    store: 'bucket',
    losesWork: false,
    strike: async ({ cluster: { objects }, random }) => {
      if ('refusal' in objects) throw new Error(objects.refusal);
      for (const fault of faults) objects.proxy.break({ when: () => random.uniform() < share, times: Infinity, fault });
      await sleep(OUTAGE_MS);
      objects.proxy.reset();
    },
  };
}

/** All that can go wrong. */
export const FAULTS: readonly Fault[] = [
  processFault('compute process: kill -9', true, async (target) => {
    signal(computeProcess(target), 'SIGKILL');
    return Promise.resolve();
  }),
  processFault('compute process: SIGTERM', false, async (target) => {
    signal(computeProcess(target), 'SIGTERM');
    return Promise.resolve();
  }),
  processFault('compute process: stopped, wakes later', true, (target) =>
    freeze(computeProcess(target), HEARTBEAT_SECONDS + 3),
  ),
  processFault('supervisor: kill -9', true, ({ cluster, random }) =>
    restart(pick(random, cluster.nodes).worker, 'SIGKILL'),
  ),
  processFault('supervisor: SIGTERM', false, ({ cluster, random }) =>
    restart(pick(random, cluster.nodes).worker, 'SIGTERM'),
  ),
  processFault('control worker: kill -9', true, ({ cluster }) => restart(cluster.control, 'SIGKILL')),
  processFault('control worker: SIGTERM', false, ({ cluster }) => restart(cluster.control, 'SIGTERM')),
  processFault('control worker: stopped, wakes later', true, ({ cluster }) =>
    freeze(cluster.control.pid, HEARTBEAT_SECONDS + 3),
  ),
  processFault('Temporal server: kill -9', false, async ({ cluster }) => {
    signal(cluster.serverProcess(), 'SIGKILL');
    return Promise.resolve();
  }),
  processFault('Temporal server: stopped, wakes later', false, ({ cluster }) =>
    freeze(cluster.serverProcess(), HEARTBEAT_SECONDS + 3),
  ),
  processFault('client: kill -9', false, async ({ client }) => {
    client.signal('SIGKILL');
    return Promise.resolve();
  }),
  processFault('clocks jump', false, async ({ cluster, random }) => {
    const component = pick(random, [cluster.control, ...cluster.nodes.map(({ worker }) => worker)]);
    for (const seconds of CLOCK_JUMPS) {
      component.shiftClock(seconds);
      await sleep(2000);
    }
  }),
  {
    name: 'disk full',
    store: 'small disk',
    losesWork: false,
    strike: fillDisk,
  },
  { name: 'node: wiped, another joins', store: 'bucket', losesWork: true, strike: wipeNode },
  { name: 'node: network cut, comes back', store: 'bucket', losesWork: true, strike: cutNetwork },
  storeFault('store: slow', 1, [{ kind: 'delay', delayMs: 400 }]),
  storeFault('store: errors', 0.7, [{ kind: 'refuse', status: 503, code: 'SlowDown' }]),
  storeFault('store: transfers cut', 0.2, [
    { kind: 'cut-answer', afterBytes: 100 },
    { kind: 'cut-upload', afterBytes: 100 },
    { kind: 'lose-answer' },
  ]),
];
