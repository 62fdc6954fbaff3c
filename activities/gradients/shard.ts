// One gradient shard: its finished micro-batches, what is missing of them, and the file that they become.
import type { Config, GradientsConfig } from '../../contracts/config.ts';
import type { GradientShard, GradientShardInput } from '../../contracts/messages/gradients.ts';
import type { Reason } from '../../contracts/reasons.ts';
import { artifactFolder, checkpointFolder } from '../../store/addresses.ts';
import type { GradientComputer } from '../../model/engine.ts';
import { removeFinishedCheckpoints } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import { readSealed, writeSealed } from '../../store/verified.ts';
import { writeGradientShard } from '../../tables/gradients.ts';
import type { GradientRows, GradientWidth } from '../../tables/gradients.ts';
import type { ExampleSource } from '../shared/examples.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { countRows } from '../shared/metrics.ts';
import { workAhead } from '../shared/work-ahead.ts';
import { trajectoryOf } from './earlier-losses.ts';
import type { EarlierLosses } from './earlier-losses.ts';
import { gradientRows } from './gradient-rows.ts';
import type { ShardParts } from './parts.ts';
import type { MicroBatch } from './micro-batches.ts';

/** What computes a micro-batch, and how it is stored. */
export interface RowComputer {
  computer: GradientComputer;
  /** Null where no losses at earlier checkpoints are asked for. */
  earlier: EarlierLosses | null;
  storage: GradientsConfig['storage'];
}

/** Computes what is missing, saves each micro-batch, and returns the keys of all in order. */
export async function computeParts(
  { computer, earlier, storage }: RowComputer,
  batches: readonly MicroBatch[],
  source: ExampleSource,
  parts: ShardParts,
  pulse: Pulse,
): Promise<string[]> {
  const done = await parts.done();
  const countOf = (counted: readonly MicroBatch[]): number => counted.reduce((sum, { rows }) => sum + rows.length, 0);
  const total = countOf(batches);
  // A shard that goes on is as far as it was.
  const before = countOf(batches.filter(({ index }) => done.has(index)));
  if (before > 0) await pulse.committed(before, total);
  const found = workAhead(batches, {
    load: async ({ index, rows }) => {
      const known = done.get(index);
      if (known !== undefined && (await parts.read(known)) !== null) return known;
      // Its own pictures alone are encoded together: nothing of the shards or the rows beside decides over bits.
      return source.examples(rows, await source.scope(`micro-batch ${index}`, rows));
    },
    work: async ({ rows }, loaded) =>
      typeof loaded === 'string' ? loaded : gradientRows(computer, storage, rows, loaded, earlier),
    ahead: source.ahead,
  });
  const keys: string[] = [];
  let rowCount = 0;
  for await (const [{ index, rows }, result] of found) {
    if (typeof result !== 'string') {
      countRows('gradients', rows.length);
      pulse.worked(rows.length);
    }
    keys.push(typeof result === 'string' ? result : await parts.save(index, result));
    rowCount += rows.length;
    await pulse.committed(rowCount, total);
  }
  return keys;
}

/** What the table's columns follow from. @param sketch width k of what is stored */
export function widthOf(config: Config, sketch: number): GradientWidth {
  const { storage } = config.gradients;
  const trajectory = trajectoryOf(config);
  return trajectory === 0 ? { sketch, storage } : { sketch, storage, trajectory };
}

/** Writes the shard from its micro-batches and leaves the note that it is finished. */
export async function closeShard(
  store: Store,
  input: GradientShardInput,
  sketch: number,
  parts: ShardParts,
  keys: readonly string[],
): Promise<GradientShard> {
  const { config, address, shard, shardCount } = input;
  const counts = new Map<Reason, number>();
  const batches = async function* (): AsyncGenerator<GradientRows> {
    for (const key of keys) {
      const rows = await parts.read(key);
      if (rows === null) throw new Error(`${key}: must hold what was saved, got other bytes`);
      for (const reason of rows.reason as (Reason | null)[])
        if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1);
      yield rows;
    }
  };
  const width = widthOf(config, sketch);
  const place = { folder: artifactFolder('gradients', address), address, shard, shardCount };
  const file = await writeGradientShard(store, place, width, batches());
  const result: GradientShard = {
    shard,
    file,
    quarantined: [...counts].map(([reason, count]) => ({ reason, count })),
    cached: false,
  };
  await writeSealed(store, `${shardFolder(input)}.json`, { ...result, cached: true });
  return result;
}

/**
 * Folder of the finished micro-batches; the file of the same name with `.json` says that the shard is finished, and
 * with which file.
 */
export function shardFolder({ address, shard }: GradientShardInput): string {
  return `${checkpointFolder('gradients', address)}/shard-${String(shard).padStart(5, '0')}`;
}

/** What an earlier attempt, or another run, has finished; null where the note of it or its file is damaged or gone. */
export async function finishedShard(store: Store, input: GradientShardInput): Promise<GradientShard | null> {
  const shard = (await readSealed(store, `${shardFolder(input)}.json`)) as GradientShard | null;
  if (shard === null) return null;
  const size = await store.size(`${artifactFolder('gradients', input.address)}/${shard.file.name}`);
  return size === shard.file.byteCount ? shard : null;
}

/** Micro-batches of a finished shard go, those of an attempt that slept while another one finished it too. */
export async function removeFinishedParts(store: Store, input: GradientShardInput): Promise<void> {
  await removeFinishedCheckpoints(store, 'gradients', input.address);
  if ((await finishedShard(store, input)) !== null) await store.removeFolder(shardFolder(input));
}
