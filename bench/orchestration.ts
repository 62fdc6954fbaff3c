// Bench of the workflows alone: shards a second, history, memory.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { startEmbeddedServer } from '../client/cluster/embedded-server.ts';
import { loadPreset } from '../client/recipe/recipe.ts';
import type { CollectGradientsInput, GradientShard, GradientShardInput } from '../contracts/messages/gradients.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { COMPUTE_QUEUE, CONTROL_QUEUE } from '../contracts/queues.ts';
import { prepareTemporal } from '../setup/temporal.ts';
import { EMBEDDED, installRuntime } from '../workers/install-runtime.ts';
import { workflowBundle } from '../workers/workflow-bundle.ts';
import type { collectGradients } from '../workflows/collect-gradients.ts';
import { megabytes, short } from './bench.ts';
import type { BenchLine } from './bench.ts';
import { withChildren } from './child.ts';
import type { BenchChild } from './child.ts';

const SHARD_COUNT = 20_000;
/** As a run shares them out. */
const SHARDS_PER_CHILD = 500;
/** One child that is never relieved, so that its history grows long: its shards are all named in each page's input. */
const CHAIN_SHARDS = 4000;
const SHARD_WINDOW = 8;
/** What the overhead is a share of: so long takes a real shard. */
const REAL_SHARD_MS = 30_000;

/**
 * What Temporal costs beside the work: gradient shards that are computed in no time, by the real workflow and server.
 */
export async function* bench(): AsyncGenerator<BenchLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-bench-orchestration-'));
  const { path } = await prepareTemporal(() => undefined);
  const server = await startEmbeddedServer({ program: path, databasePath: join(folder, 'temporal.db'), withUi: false });
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  try {
    for (const measure of [measureChildren, measureChain])
      yield await withChildren(1, 'orchestration', server.address, ([child]) => measure(client, child!));
  } finally {
    await connection.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Children of a run, one after the other. */
async function measureChildren(client: Client, worker: BenchChild): Promise<BenchLine> {
  const start = performance.now();
  const histories: number[] = [];
  let early = 0;
  for (let shardStart = 0; shardStart < SHARD_COUNT; shardStart += SHARDS_PER_CHILD) {
    histories.push(...(await collect(client, shardStart, shardStart + SHARDS_PER_CHILD, SHARD_COUNT)));
    if (shardStart + SHARDS_PER_CHILD === SHARD_COUNT / 4) early = await worker.run<number>('memory');
  }
  const elapsedMs = performance.now() - start;
  const late = await worker.run<number>('memory');
  const growth = (100 * (late - early)) / early;
  return {
    name: 'orchestration',
    facts: [
      ...speedFacts(elapsedMs, SHARD_COUNT),
      historyFact(histories, SHARD_COUNT / SHARDS_PER_CHILD),
      `${megabytes(early)} and ${megabytes(late)} resident after a quarter and all, ${growth.toFixed(1)} % more`,
    ],
  };
}

/** One child alone, over many pages. */
async function measureChain(client: Client): Promise<BenchLine> {
  const start = performance.now();
  const histories = await collect(client, 0, CHAIN_SHARDS, CHAIN_SHARDS);
  const elapsedMs = performance.now() - start;
  return { name: 'one chain', facts: [...speedFacts(elapsedMs, CHAIN_SHARDS), historyFact(histories, 1)] };
}

function speedFacts(elapsedMs: number, shardCount: number): string[] {
  const shardMs = elapsedMs / shardCount;
  const overhead = (100 * shardMs * SHARD_WINDOW) / REAL_SHARD_MS;
  return [
    `${short(1000 / shardMs)} shards/s`,
    `${short(shardMs)} ms a shard`,
    `${overhead.toFixed(2)} % of shards of ${REAL_SHARD_MS / 1000} s, ${SHARD_WINDOW} at a time (goal 2 %)`,
    `${shardCount} shards`,
  ];
}

function historyFact(histories: readonly number[], childCount: number): string {
  const children = childCount === 1 ? 'one child' : `${childCount} children`;
  return `${histories.length} pages of ${children}, longest history ${Math.max(...histories)} events`;
}

/** Collects the shards to the end. @returns events of each page of the chain */
async function collect(client: Client, shardStart: number, shardEnd: number, shardCount: number): Promise<number[]> {
  const child = await client.workflow.start<typeof collectGradients>('collectGradients', {
    taskQueue: CONTROL_QUEUE,
    workflowId: `bench-${shardCount}/gradients/${shardStart}`,
    args: [inputOf(shardStart, shardEnd, shardCount)],
  });
  const shards = await child.result();
  if (shards.some(({ shard }, index) => shard !== shardStart + index) || shards.length !== shardEnd - shardStart)
    throw new Error(`orchestration: every shard must be there once, got ${shards.length} of ${shardEnd - shardStart}`);
  const lengths: number[] = [];
  let runId = child.firstExecutionRunId;
  while (runId !== '') {
    const { workflowId } = child;
    const { history } = await client.workflowService.getWorkflowExecutionHistory({
      namespace: 'default',
      execution: { workflowId, runId },
      historyEventFilterType: 2, // The closing event alone.
    });
    const closing = history!.events!.at(-1)!;
    lengths.push(Number(closing.eventId));
    runId = closing.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? '';
  }
  return lengths;
}

function inputOf(shardStart: number, shardEnd: number, shardCount: number): CollectGradientsInput {
  const { config } = loadPreset('demo', { checksFiles: false });
  const reference = (stage: string): ArtifactReference => {
    const sha256 = stage.padEnd(64, '0');
    return { uri: `artifacts/${stage}/${sha256}`, sha256, rowCount: 4096, schemaVersion: 1 };
  };
  const place = { address: 'gradients'.padEnd(64, '0'), shardCount, shardStart, shardEnd, next: shardStart, done: [] };
  const limits = { heartbeatTimeoutMs: 120_000, shardWindow: SHARD_WINDOW };
  return { config, rows: reference('dataset'), adapter: reference('warmup'), ...place, ...limits };
}

/** Steps of the worker's process: both kinds of worker, with shards that are done at once. */
export async function prepare(address: string): Promise<Record<string, () => unknown>> {
  installRuntime(() => undefined, { ...EMBEDDED, level: 'ERROR' });
  const [connection, bundle] = await Promise.all([NativeConnection.connect({ address }), workflowBundle()]);
  const control = await Worker.create({ connection, taskQueue: CONTROL_QUEUE, workflowBundle: bundle });
  const compute = await Worker.create({
    connection,
    taskQueue: COMPUTE_QUEUE,
    activities: { computeGradientShard },
    maxConcurrentActivityTaskExecutions: SHARD_WINDOW,
  });
  for (const worker of [control, compute]) {
    worker.run().catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
  }
  return { memory: () => process.memoryUsage.rss() };
}

async function computeGradientShard({ shard, shardCount }: GradientShardInput): Promise<GradientShard> {
  const number = (value: number): string => String(value).padStart(5, '0');
  const name = `gradients-${number(shard)}-of-${number(shardCount)}.arrow`;
  const file = { name, sha256: 'f'.repeat(64), byteCount: 33_554_432, rowCount: 4096 };
  return { shard, file, quarantined: [], cached: false };
}
