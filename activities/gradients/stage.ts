import { createProjector } from '../../algorithms/projection.ts';
import type { Config } from '../../contracts/config.ts';
import { ArtifactMismatchError, InvalidConfigError } from '../../contracts/failures.ts';
import type {
  CloseGradientsInput,
  GradientShard,
  GradientShardInput,
  GradientsInput,
  GradientsPlan,
  GradientsResult,
} from '../../contracts/messages/gradients.ts';
import type { Reason } from '../../contracts/reasons.ts';
import { WINDOW_ROWS } from '../../dataset/rows/micro-batches.ts';
import { disposeAdapter, gradientLayout, toTensors } from '../../model/adapter.ts';
import type { AdapterValues } from '../../model/adapter.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import { readModelConfig } from '../../model/model-config.ts';
import { artifactFolder, canonicalJson, checkpointFolder, sha256, stageAddress } from '../../store/addresses.ts';
import type { Json } from '../../store/addresses.ts';
import { findArtifact, finishArtifact, readManifest, removeFinishedCheckpoints } from '../../store/artifacts.ts';
import { gradientSchema } from '../../tables/schemas.ts';
import type { Store } from '../../store/store.ts';
import { writeTable } from '../../tables/arrow-file.ts';
import type { TableRows } from '../../tables/arrow-file.ts';
import { loaderOf } from '../shared/compute-context.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { ExampleSource } from '../shared/examples.ts';
import { modelFingerprint } from '../shared/fingerprints.ts';
import { createShardParts, gradientRows } from './shard.ts';
import type { GradientComputer, ShardParts } from './shard.ts';
import type { GradientDetails } from '../../tables/gradient-files.ts';
import { keepBeating, openPulse, startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { countRows } from '../shared/metrics.ts';
import { usableRows } from '../../tables/row-table.ts';
import type { TableRow } from '../../tables/row-table.ts';

/** Stage gradients: rows and reference model → the gradient table, shard by shard. */
export function createGradientActivities({ openStore, models }: ComputeDependencies) {
  return {
    /** Address of the table, and the table itself where it is complete. */
    async planGradients(input: GradientsInput): Promise<GradientsPlan> {
      startPulse('gradients', 'plan');
      const { config, rows } = input;
      const store = openStore(config.store.uri);
      const address = stageAddress('gradients', await gradientDeterminants(input, models));
      const workId = sha256(`${store.uri}\0${address}`).slice(0, 40);
      const { shardCount } = (await readManifest(store, rows)).details as unknown as { shardCount: number };
      const finished = await findTable(store, address);
      const { fallbackReason } = await models.engine(config.model);
      const warnings = fallbackReason === null ? [] : [fallbackReason];
      if (finished === null) await requireSpace(store, input);
      return { address, workId, shardCount, finished, warnings };
    },

    /** Computes one shard, going on after the micro-batches that an earlier attempt has finished. */
    async computeGradientShard(input: GradientShardInput): Promise<GradientShard> {
      const { config, rows, address, shard, shardCount } = input;
      const pulse = openPulse('gradients');
      const store = openStore(config.store.uri);
      const known = await finishedShard(store, input);
      if (known !== null) return known;
      await requireSameEngine(input, address, models);
      const windows = await readWindows(store, rows, shard);
      const parts = createShardParts(store, shardFolder(input));
      const done = await parts.done();
      pulse.requireProgress(`shard ${shard + 1} of ${shardCount}`, () => describeNext(windows, done));
      const model = await models.model(config.model, () => pulse.breathe());
      const values = await adapterOf(store, input);
      const { places, length: parameterCount } = gradientLayout(values);
      const adapter = toTensors(values);
      const dataset = await keepBeating(pulse, localDataset(openStore, config.dataset, rows));
      const source = new ExampleSource(model, await loaderOf(config, dataset));
      try {
        const projector = createProjector({ ...projectionOf(config, parameterCount), parameterCount });
        const computer: GradientComputer = { model, adapter, places, projector, storage: config.gradients.storage };
        const keys = await computeParts(computer, windows, source, parts, pulse);
        return await closeShard(store, input, projector.sketch, parts, keys);
      } finally {
        disposeAdapter(adapter);
        await source.close();
        await removeOvertaken(store, input);
      }
    },

    /** Makes the shards one artifact. */
    async closeGradients(input: CloseGradientsInput): Promise<GradientsResult> {
      startPulse('gradients', 'close');
      const { config, address, shards } = input;
      const store = openStore(config.store.uri);
      const { length: parameterCount } = gradientLayout(await adapterOf(store, input));
      const counts = new Map<Reason, number>();
      for (const { reason, count } of shards.flatMap(({ quarantined }) => quarantined))
        counts.set(reason, (counts.get(reason) ?? 0) + count);
      const quarantined = [...counts].map(([reason, count]) => ({ reason, count }));
      const { sketch } = projectionOf(config, parameterCount);
      const details: GradientDetails = { sketch, storage: config.gradients.storage, parameterCount, quarantined };
      const files = shards.map(({ file }) => file);
      const gradients = await finishArtifact(store, 'gradients', address, {
        determinants: await gradientDeterminants(input, models),
        files,
        rowCount: files.reduce((sum, { rowCount }) => sum + rowCount, 0),
        details: details as unknown as Json,
      });
      return { gradients, reused: [], parameterCount, quarantined, cached: false };
    },
  };
}

/** The table that an earlier run has completed, or null. */
export async function findGradients(
  store: Store,
  input: GradientsInput,
  models: ComputeDependencies['models'],
): Promise<GradientsResult | null> {
  return findTable(store, stageAddress('gradients', await gradientDeterminants(input, models)));
}

async function findTable(store: Store, address: string): Promise<GradientsResult | null> {
  const gradients = await findArtifact(store, 'gradients', address);
  if (gradients === null) return null;
  const { parameterCount, quarantined } = (await readManifest(store, gradients)).details as unknown as GradientDetails;
  return {
    ...{ gradients, reused: [], parameterCount, cached: true },
    quarantined: quarantined as GradientsResult['quarantined'],
  };
}

/** Bytes of a table of so many rows, about. */
export function tableBytes({ gradients }: Config, parameterCount: number, rowCount: number): number {
  const width = gradients.projection === 'none' ? parameterCount : gradients.sketch;
  return rowCount * (width * (gradients.storage === 'int8' ? 1 : 4) + ROW_BYTES);
}

/** What a gradient table is determined by. */
export async function gradientDeterminants(
  { config, rows, adapter }: GradientsInput,
  models: ComputeDependencies['models'],
): Promise<Json> {
  const { description: engine } = await models.engine(config.model);
  const { sketch, projection, projectionSeed, storage, cutoffLen } = config.gradients;
  return {
    rows: rows.sha256,
    adapter: adapter.sha256,
    model: await modelFingerprint(config.model.path),
    projection: { kind: projection, sketch, seed: projectionSeed, storage },
    prompt: { template: config.model.template, imageAspect: config.model.imageAspect, cutoffLen },
    engine: { ...engine },
  };
}

/** Bytes of a row of the table beside its gradient, about. */
const ROW_BYTES = 128;

/** The table must fit beside its finished micro-batches, which are removed shard by shard. */
async function requireSpace(store: Store, input: GradientsInput): Promise<void> {
  const { length: parameterCount } = gradientLayout(await adapterOf(store, input));
  const wanted = tableBytes(input.config, parameterCount, input.rows.rowCount);
  const free = await store.freeBytes();
  if (free === null || free >= wanted) return;
  const size = (bytes: number): string =>
    bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
  throw new InvalidConfigError(
    `store: ${size(wanted)} must be free, got ${size(free)}; free space, or lower gradients.sketch, or storage: int8`,
  );
}

/** @throws ArtifactMismatchError on a worker whose engine gives other bits than the one that planned the table */
async function requireSameEngine(
  input: GradientsInput,
  address: string,
  models: ComputeDependencies['models'],
): Promise<void> {
  const here = await gradientDeterminants(input, models);
  if (stageAddress('gradients', here) === address) return;
  const { engine } = here as { engine: Json };
  throw new ArtifactMismatchError(
    `gradients: all compute workers must have the same engine and model, got ${canonicalJson(engine)} here; ` +
      'set ONEDNN_MAX_CPU_ISA to the lowest common level and use one model folder',
  );
}

async function adapterOf(store: Store, { config, adapter }: GradientsInput): Promise<AdapterValues> {
  await readManifest(store, adapter);
  const { text } = await readModelConfig(config.model.path);
  return readAdapter(await store.localFolder(adapter.uri), text);
}

/** Without projection the table is as wide as the gradient. */
function projectionOf(
  { gradients }: Config,
  parameterCount: number,
): { kind: Config['gradients']['projection']; sketch: number; seed: number } {
  const { projection: kind, sketch, projectionSeed: seed } = gradients;
  return { kind, sketch: kind === 'none' ? parameterCount : sketch, seed };
}

/** The rows that a shard's planning windows hold, with the shard's own micro-batches among them. */
interface Window {
  index: number;
  /** All usable rows of the window, in row order: its pictures' groups depend on them. */
  rows: TableRow[];
  /** The shard's micro-batches, in order. */
  batches: Map<number, TableRow[]>;
}

async function readWindows(store: Store, rows: GradientsInput['rows'], shard: number): Promise<Window[]> {
  const windows = new Map<number, Window>();
  let last: number | undefined;
  for await (const row of usableRows(store, rows)) {
    const index = Math.floor(row.position / WINDOW_ROWS);
    // A window without a batch of this shard is let go as soon as the next one begins.
    if (last !== undefined && last !== index && windows.get(last)!.batches.size === 0) windows.delete(last);
    const window = windows.get(index) ?? { index, rows: [], batches: new Map<number, TableRow[]>() };
    windows.set(index, window);
    last = index;
    window.rows.push(row);
    if (row.shard === shard) window.batches.set(row.microBatch, [...(window.batches.get(row.microBatch) ?? []), row]);
  }
  const wanted = [...windows.values()].filter(({ batches }) => batches.size > 0);
  for (const { batches } of wanted) for (const batch of batches.values()) batch.sort(byLength);
  return wanted;
}

/** Order of rows inside a micro-batch: that of the plan. */
function byLength(left: TableRow, right: TableRow): number {
  return left.tokenCount - right.tokenCount || left.position - right.position;
}

/** The micro-batch that comes next, for a message about it. */
function describeNext(windows: readonly Window[], done: ReadonlyMap<number, string>): string {
  const batches = windows.flatMap((window) => [...window.batches].filter(([microBatch]) => !done.has(microBatch)));
  const [microBatch, rows] = batches.sort(([left], [right]) => left - right)[0] ?? [];
  if (microBatch === undefined || rows === undefined) return ' (all micro-batches are there, the shard is not closed)';
  const tokenCount = Math.max(...rows.map((row) => row.tokenCount));
  return ` (micro-batch ${microBatch}: ${rows.length} rows padded to ${tokenCount} tokens)`;
}

/** Computes what is missing, saves each micro-batch, and returns the keys of all in order. */
async function computeParts(
  computer: GradientComputer,
  windows: readonly Window[],
  source: ExampleSource,
  parts: ShardParts,
  pulse: Pulse,
): Promise<string[]> {
  const done = await parts.done();
  const total = windows.reduce(
    (sum, { batches }) => sum + [...batches.values()].reduce((rows, batch) => rows + batch.length, 0),
    0,
  );
  const keys: string[] = [];
  let rowCount = 0;
  for (const window of windows) {
    const scope = await source.scope(`window ${window.index}`, window.rows);
    for (const microBatch of [...window.batches.keys()].sort((left, right) => left - right)) {
      const rows = window.batches.get(microBatch)!;
      const known = done.get(microBatch);
      const usable = known !== undefined && (await parts.read(known)) !== null;
      keys.push(
        usable ? known : await parts.save(microBatch, gradientRows(computer, rows, await source.examples(rows, scope))),
      );
      if (!usable) countRows('gradients', rows.length);
      rowCount += rows.length;
      await pulse.committed(rowCount, total);
    }
  }
  return keys;
}

async function closeShard(
  store: Store,
  input: GradientShardInput,
  sketch: number,
  parts: ShardParts,
  keys: readonly string[],
): Promise<GradientShard> {
  const { config, address, shard, shardCount } = input;
  const counts = new Map<Reason, number>();
  const batches = async function* (): AsyncGenerator<TableRows> {
    for (const key of keys) {
      const rows = await parts.read(key);
      if (rows === null) throw new Error(`${key}: must hold what was saved, got other bytes`);
      for (const reason of rows.columns['reason'] as (Reason | null)[])
        if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1);
      yield rows;
    }
  };
  const name = `gradients-${number(shard)}-of-${number(shardCount)}.arrow`;
  const schema = gradientSchema(sketch, config.gradients.storage, {
    'tive.address': address,
    'tive.shard': `${shard}/${shardCount}`,
  });
  const file = await writeTable(store, artifactFolder('gradients', address), name, schema, batches());
  const result: GradientShard = {
    shard,
    file,
    quarantined: [...counts].map(([reason, count]) => ({ reason, count })),
    cached: false,
  };
  await store.write(`${shardFolder(input)}.json`, [Buffer.from(JSON.stringify({ ...result, cached: true }))]);
  await store.removeFolder(shardFolder(input));
  return result;
}

/** Folder of the finished micro-batches; the file of the same name with `.json` says that the shard is finished, and with which file. */
function shardFolder({ address, shard }: GradientShardInput): string {
  return `${checkpointFolder('gradients', address)}/shard-${number(shard)}`;
}

/** What an earlier attempt, or another run, has finished. */
async function finishedShard(store: Store, input: GradientShardInput): Promise<GradientShard | null> {
  const marker = `${shardFolder(input)}.json`;
  if ((await store.size(marker)) === null) return null;
  return JSON.parse(Buffer.from(await store.read(marker)).toString()) as GradientShard;
}

/** An attempt that slept while another finished its shard leaves nothing behind. */
async function removeOvertaken(store: Store, input: GradientShardInput): Promise<void> {
  await removeFinishedCheckpoints(store, 'gradients', input.address);
  if ((await finishedShard(store, input)) !== null) await store.removeFolder(shardFolder(input));
}

function number(value: number): string {
  return String(value).padStart(5, '0');
}
