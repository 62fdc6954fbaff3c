import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { examplesOf } from '../../../activities/shared/compute-context.ts';
import { localDataset } from '../../../activities/shared/local-dataset.ts';
import { findGradients, tableBytes } from '../../../activities/gradients/table-place.ts';
import { createGradientActivities } from '../../../activities/gradients/stage.ts';
import { ArtifactMismatchError, NoProgressError } from '../../../contracts/failures.ts';
import type { GradientShard, GradientShardInput } from '../../../contracts/messages/gradients.ts';
import type { Checkpoint } from '../../../contracts/messages/run.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { readMoments } from '../../../model/adam-moments.ts';
import { checkpointFile, readAdapter } from '../../../model/adapter-files.ts';
import { checkpointFolder } from '../../../store/addresses.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { openGradientTable, readGradientDetails, readGradients } from '../../../tables/gradients.ts';
import type { GradientRows } from '../../../tables/gradients.ts';
import { readUsableRows } from '../../../tables/rows.ts';
import type { UsableRow } from '../../../tables/rows.ts';
import { USABLE_ROWS } from '../../client/small-dataset.ts';
import { slowlyScaled } from '../../model/adam-reference.ts';
import { SmallRun, inActivity } from '../small-run.ts';
import type { Surroundings } from '../small-run.ts';
import { OtherEngine } from '../watched-models.ts';

const run = new SmallRun('gradients.storage=float32', 'gradients.shard_rows=20');
const { planGradients, computeGradientShard } = createGradientActivities(run.dependencies);
const int8 = 'gradients.storage=int8';
beforeEach(() => run.models.reset());

/** Batches of a table, shard by shard. */
async function batchesOf(gradients: ArtifactReference): Promise<GradientRows[]> {
  const batches = [];
  for await (const batch of readGradients(run.store, await openGradientTable(run.store, [gradients])))
    batches.push(batch);
  return batches;
}

/** Rows in the order of the plan: micro-batch by micro-batch, from short to long. */
function inPlanOrder(rows: readonly UsableRow[]): UsableRow[] {
  return [...rows].sort(
    (left, right) =>
      left.microBatch - right.microBatch || left.tokenCount - right.tokenCount || left.rowIndex - right.rowIndex,
  );
}

describe('the gradient table', () => {
  test('has the planned rows in the order of the plan, a record batch a micro-batch, a file a shard', async () => {
    const input = await run.gradientsInput(run.config());
    const { gradients, quarantined, cached } = await run.takeGradients(input);
    expect([cached, quarantined, gradients.rowCount]).toEqual([false, [], USABLE_ROWS]);
    const planned = inPlanOrder(await readUsableRows(run.store, input.rows));
    const batches = await batchesOf(gradients);
    expect(batches.flatMap(({ rowIndex }) => [...rowIndex])).toEqual(planned.map(({ rowIndex }) => rowIndex));
    expect(batches.flatMap(({ task }) => [...task])).toEqual(planned.map(({ task }) => task));
    expect(Buffer.concat(batches.map(({ contentHash }) => contentHash))).toEqual(
      Buffer.concat(planned.map(({ contentHash }) => contentHash)),
    );
    expect(run.models.calls.gradients).toBe(batches.length);
    const { files } = await openGradientTable(run.store, [gradients]);
    for (const [shard, { file }] of files.entries())
      expect(file.rowCount).toBe(planned.filter((row) => row.shard === shard).length);
  });

  test('has finite numbers, and of int8 the codes nearest to them', async () => {
    const input = await run.gradientsInput(run.config());
    const { gradients, parameterCount } = await run.takeGradients(input);
    const coded = await run.takeGradients({ ...input, config: run.config(int8) });
    expect(coded.gradients.uri).not.toBe(gradients.uri);
    expect(await readGradientDetails(run.store, coded.gradients)).toEqual({
      sketch: 64,
      storage: 'int8',
      parameterCount,
      quarantined: [],
    });
    const [exact, codes] = [await batchesOf(gradients), await batchesOf(coded.gradients)];
    for (const [index, batch] of exact.entries()) {
      const code = codes[index]!;
      expect(batch.gradient).toBeInstanceOf(Float32Array);
      expect(code.gradient).toBeInstanceOf(Int8Array);
      for (const column of ['loss', 'gradientNorm', 'el2n', 'supervisedTokenCount'] as const)
        expect(code[column]).toEqual(batch[column]);
      for (const row of batch.rowIndex.keys()) {
        expect(batch.loss[row]).toBeGreaterThan(0);
        expect(batch.gradientNorm[row]).toBeGreaterThan(0);
        const scale = code.gradientScale[row]!;
        const part = <Values extends Float32Array | Int8Array>(values: Values) =>
          values.subarray(64 * row, 64 * row + 64);
        const decoded = Float64Array.from(part(code.gradient), (value) => value * scale);
        expect(decoded).toBeAllclose(part(batch.gradient), { rtol: 0, atol: 0.5001 * scale });
      }
    }
  });

  test('is taken once: it is found complete, and planned again without work', async () => {
    const input = await run.gradientsInput(run.config());
    const { gradients, ...rest } = await run.takeGradients(input);
    const found = { ...rest, gradients, cached: true };
    run.models.reset();
    expect(await inActivity(planGradients, input)).toMatchObject({ finished: found, warnings: [] });
    expect(await findGradients(run.store, input, run.models)).toEqual(found);
    expect(run.models.calls.gradients).toBe(0);
    const other = { ...input, config: run.config('gradients.sketch=32') };
    expect(await findGradients(run.store, other, run.models)).toBeNull();
  });

  test('that does not fit on the disk is refused before any gradient is taken', async () => {
    class SmallStore extends LocalStore {
      override freeBytes(): Promise<number> {
        return Promise.resolve(5000);
      }
    }
    const small = createGradientActivities({ models: run.models, openStore: (uri) => new SmallStore(uri) });
    const config = run.config('gradients.sketch=1024', 'gradients.projection_seed=5');
    const refused = expect(inActivity(small.planGradients, await run.gradientsInput(config))).rejects;
    await refused.toThrow(
      'store: 0.2 MB must be free, got 0.0 MB; free space, or lower gradients.sketch, or storage: int8',
    );
    expect(tableBytes(config, 1, USABLE_ROWS)).toBe(USABLE_ROWS * (4 * 1024 + 128));
  });
});

describe('losses at the checkpoints of the warm-up', () => {
  const trajectory = ['warmup.trajectory=2', 'warmup.epochs=2'];

  test('stand beside the gradient of each row: those of each checkpoint, the last that of the reference model', async () => {
    const config = run.config(...trajectory);
    const input = await run.gradientsInput(config);
    const { gradients } = await run.takeGradients(input);
    expect(await readGradientDetails(run.store, gradients)).toMatchObject({ trajectory: 2 });
    const batches = await batchesOf(gradients);
    // Scored again at the first checkpoint alone.
    const model = await run.models.model(config, () => Promise.resolve());
    const { trajectory: steps } = await run.tune(config);
    expect(steps).toEqual([2, 4]);
    const values = await readAdapter(join(run.store.uri, input.adapter.uri), model.decoder.layers, checkpointFile(2));
    const source = await examplesOf(
      config,
      await localDataset(run.dependencies.openStore, config.dataset, input.rows),
      model,
      run.models,
    );
    const scorer = model.openScoring(values);
    const rows = new Map((await readUsableRows(run.store, input.rows)).map((row) => [row.rowIndex, row]));
    for (const { rowIndex, loss, lossTrajectory } of batches) {
      const own = Array.from(rowIndex, (index) => rows.get(index)!);
      const scored = await scorer.score(await source.examples(own, await source.scope(`test ${rowIndex[0]}`, own)));
      const expected = scored.flatMap((one, row) => [one.loss, loss[row]!]);
      expect(lossTrajectory).toBeAllclose(expected, { rtol: 1e-6, atol: 0 });
      expect(lossTrajectory).not.toBeAllclose(
        expected.map((_, place) => loss[place >> 1]!),
        { rtol: 1e-3, atol: 0 },
      );
    }
    scorer.dispose();
    await source.close();
  });

  test('change nothing else of the table, and are not there where none are asked for', async () => {
    const plain = await run.takeGradients(await run.gradientsInput(run.config('warmup.epochs=2')));
    const { gradients } = await run.takeGradients(await run.gradientsInput(run.config(...trajectory)));
    const [before, after] = [await batchesOf(plain.gradients), await batchesOf(gradients)];
    for (const [index, batch] of before.entries()) {
      expect(batch).not.toHaveProperty('lossTrajectory');
      expect({ ...after[index]!, lossTrajectory: undefined }).toEqual({ ...batch, lossTrajectory: undefined });
    }
  });

  test('are refused where the adapter was not trained with as many checkpoints', async () => {
    const input = await run.gradientsInput(run.config('warmup.epochs=2'));
    const config = run.config(...trajectory);
    const { address, shardCount } = await inActivity(planGradients, { ...input, config });
    await expect(inActivity(computeGradientShard, { ...input, config, address, shard: 0, shardCount })).rejects.toThrow(
      'warmup.trajectory: the reference model must have 2 checkpoints, got 0; an adapter that was given has none',
    );
  });
});

describe('gradients at a checkpoint of the warm-up before its end', () => {
  const settings = ['warmup.trajectory=2', 'warmup.epochs=2', 'gradients.projection=none'];

  test('are a table of their own, whose losses are those of that checkpoint', async () => {
    const input = await run.gradientsInput(run.config(...settings));
    const { gradients } = await run.takeGradients(input);
    const config = { ...input.config, warmup: { ...input.config.warmup, trajectory: 0 } };
    const early = await run.takeGradients({ ...input, config, step: 2 });
    expect(early.gradients.uri).not.toBe(gradients.uri);
    expect(await run.takeGradients({ ...input, config, step: 2 })).toMatchObject({ cached: true });
    const [after, before] = [await batchesOf(gradients), await batchesOf(early.gradients)];
    for (const [index, { lossTrajectory, gradient }] of after.entries()) {
      const own = before[index]!;
      const first = own.loss.map((_, row) => lossTrajectory![row * 2]!);
      expect(own.loss).toBeAllclose([...first], { rtol: 1e-6, atol: 0 });
      expect(own.gradient).not.toBeAllclose([...gradient], { rtol: 1e-2, atol: 0 });
      expect(own).not.toHaveProperty('lossTrajectory');
    }
  });

  test('are scaled by the moments of that checkpoint', async () => {
    const scaled = await run.gradientsInput(run.config(...settings, 'gradients.preconditioner=adam'));
    const config = { ...scaled.config, warmup: { ...scaled.config.warmup, trajectory: 0 } };
    const own = { ...config, gradients: { ...config.gradients, preconditioner: 'none' as const } };
    const [plain] = await batchesOf((await run.takeGradients({ ...scaled, config: own, step: 2 })).gradients);
    const [got] = await batchesOf((await run.takeGradients({ ...scaled, config, step: 2 })).gradients);
    const folder = join(run.store.uri, scaled.adapter.uri);
    const model = await run.models.model(config, () => Promise.resolve());
    const adapter = await readAdapter(folder, model.decoder.layers, checkpointFile(2));
    const { beta1, beta2, first, second } = await readMoments(folder, adapter, 2);
    const [one, two] = [first, second].map((arrays) => arrays.flatMap((values) => [...values]));
    const width = one!.length;
    const expected = Array.from(plain!.gradient.subarray(0, width), (value, place) => {
      const m = beta1 * one![place]! + (1 - beta1) * value;
      const v = beta2 * two![place]! + (1 - beta2) * value * value;
      return m / Math.sqrt(v + 1e-8);
    });
    expect(got!.gradient.subarray(0, width)).toBeAllclose(expected, { rtol: 1e-3, atol: 1e-6 });
  });
});

describe('gradients that are scaled by the moments of the warm-up', () => {
  const adam = 'gradients.preconditioner=adam';
  const none = 'gradients.projection=none';

  test('are what the formula makes of plain ones; norms and losses stay', async () => {
    const plain = await run.takeGradients(await run.gradientsInput(run.config(none)));
    const input = await run.gradientsInput(run.config(none, adam));
    const { gradients, parameterCount } = await run.takeGradients(input);
    expect(gradients.uri).not.toBe(plain.gradients.uri);
    const folder = join(run.store.uri, input.adapter.uri);
    const { decoder } = await run.models.describe(input.config.model);
    const adapter = await readAdapter(folder, decoder.layers);
    const moments = await readMoments(folder, adapter);
    const [before, after] = [await batchesOf(plain.gradients), await batchesOf(gradients)];
    for (const [index, batch] of before.entries()) {
      const scaled = after[index]!;
      for (const column of ['rowIndex', 'loss', 'gradientNorm', 'el2n'] as const)
        expect(scaled[column]).toEqual(batch[column]);
      for (const row of batch.rowIndex.keys()) {
        const own = (values: GradientRows['gradient']) =>
          Float32Array.from(values.subarray(row * parameterCount, (row + 1) * parameterCount));
        expect(own(scaled.gradient)).toBeAllclose(slowlyScaled(own(batch.gradient), adapter, moments), {
          rtol: 1e-6,
          atol: 0,
        });
      }
    }
  });

  test('are refused where the adapter has no moments', async () => {
    const input = { ...(await run.gradientsInput(run.config())), config: run.config(adam) };
    const { address, shardCount } = await inActivity(planGradients, input);
    await expect(inActivity(computeGradientShard, { ...input, address, shard: 0, shardCount })).rejects.toThrow(
      'gradients.preconditioner: adam needs the moments of the warm-up’s training, got none beside the adapter',
    );
  });
});

describe('a shard that is stopped', () => {
  /** The first shard of a table of its own. */
  async function firstShard(seed: number, ...settings: string[]): Promise<GradientShardInput> {
    const input = await run.gradientsInput(run.config(`gradients.projection_seed=${seed}`, ...settings));
    const { address, shardCount } = await inActivity(planGradients, input);
    return { ...input, address, shard: 0, shardCount };
  }

  /** The heartbeats of a shard that is cancelled after so many micro-batches. */
  async function stoppedAfter(input: GradientShardInput, count: number): Promise<Checkpoint[]> {
    const heartbeats: Checkpoint[] = [];
    const around: Surroundings = { heartbeats, onStart: (cancel) => run.models.after('gradients', count, cancel) };
    await expect(inActivity(computeGradientShard, input, around)).rejects.toThrow('CANCELLED');
    return heartbeats;
  }

  const partsOf = async ({ address }: GradientShardInput): Promise<string[]> =>
    (await run.store.list(checkpointFolder('gradients', address))).filter((key) => key.endsWith('.part'));

  /** Micro-batches of the first shard, and its file when nothing disturbs it. */
  async function undisturbed(input: GradientShardInput): Promise<{ microBatchCount: number; shard: GradientShard }> {
    run.models.reset();
    const shard = await inActivity(computeGradientShard, input);
    const microBatchCount = run.models.calls.gradients;
    await run.store.removeFolder(checkpointFolder('gradients', input.address));
    run.models.reset();
    return { microBatchCount, shard };
  }

  test.each(['float32', 'int8'])(
    'in %s goes on after its finished micro-batches, to the same bytes',
    async (storage) => {
      const input = await firstShard(1, `gradients.storage=${storage}`);
      const { microBatchCount, shard } = await undisturbed(input);
      const heartbeats = await stoppedAfter(input, 2);
      expect(heartbeats.at(-1)).toMatchObject({ stage: 'gradients', totalCount: shard.file.rowCount });
      expect(heartbeats.at(-1)!.doneCount).toBeGreaterThan(0);
      expect(await partsOf(input)).toHaveLength(2);
      // A new process begins at the share that is there, though no heartbeat tells it.
      const again: Checkpoint[] = [];
      expect(await inActivity(computeGradientShard, input, { heartbeats: again })).toEqual(shard);
      const { doneCount } = heartbeats.at(-1)!;
      expect(again.find((one) => one.doneCount > 0)).toMatchObject({ doneCount, totalCount: shard.file.rowCount });
      expect(run.models.calls.gradients).toBe(microBatchCount);
      expect(await partsOf(input)).toEqual([]);
    },
  );

  test('is finished for good: asked again, it comes back without work', async () => {
    const input = await firstShard(2, int8);
    const shard = await inActivity(computeGradientShard, input);
    run.models.reset();
    expect(await inActivity(computeGradientShard, input)).toEqual({ ...shard, cached: true });
    expect(run.models.calls.gradients).toBe(0);
  });

  test('that slept while another attempt finished it leaves nothing behind', async () => {
    const input = await firstShard(2);
    const folder = checkpointFolder('gradients', input.address);
    await inActivity(computeGradientShard, input);
    const [marker] = await run.store.list(folder);
    const finished = readFileSync(join(run.store.uri, marker!));
    await run.store.removeFolder(folder);
    run.models.reset();
    const onStart = (cancel: () => void): void =>
      run.models.after('gradients', 1, () => {
        mkdirSync(join(run.store.uri, folder), { recursive: true });
        writeFileSync(join(run.store.uri, marker!), finished);
        cancel();
      });
    await expect(inActivity(computeGradientShard, input, { onStart })).rejects.toThrow('CANCELLED');
    expect(await run.store.list(folder)).toEqual([marker]);
  });

  test('takes a micro-batch again whose file is damaged', async () => {
    const input = await firstShard(3);
    const { microBatchCount, shard } = await undisturbed(input);
    await stoppedAfter(input, 2);
    const path = join(run.store.uri, (await partsOf(input))[0]!);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
    expect(await inActivity(computeGradientShard, input, { attempt: 2 })).toEqual(shard);
    expect(run.models.calls.gradients).toBe(microBatchCount + 1);
  });

  test('is not taken at a reference model of other bytes', async () => {
    const input = await firstShard(5);
    const path = join(run.store.uri, input.adapter.uri, 'adapter_config.json');
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.concat([bytes, Buffer.from(' ')]));
    const refused = expect(inActivity(computeGradientShard, input)).rejects;
    await refused.toThrow(`${input.adapter.uri}/adapter_config.json: sha256 must be `);
    writeFileSync(path, bytes);
  });

  test('that never gets further is given up, and the micro-batch that comes next is named', async () => {
    const input = await firstShard(4);
    run.models.reset();
    await stoppedAfter(input, 1);
    const heartbeatDetails: Checkpoint = { stage: 'gradients', doneCount: 1, totalCount: 20, movedAtAttempt: 1 };
    const refused = expect(inActivity(computeGradientShard, input, { attempt: 7, heartbeatDetails })).rejects;
    await refused.toThrow(NoProgressError);
    await expect(inActivity(computeGradientShard, input, { attempt: 7, heartbeatDetails })).rejects.toThrow(
      /^gradients: shard 1 of 3 must get further within 5 attempts, .* at 1 of 20 \(micro-batch 1: \d+ rows padded to \d+ tokens\);/,
    );
  });
});

describe('a worker', () => {
  test('with another engine refuses to work on a table, in words and for good', async () => {
    const models = new OtherEngine();
    const other = createGradientActivities({ ...run.dependencies, models });
    const input = await run.gradientsInput(run.config('gradients.projection_seed=6'));
    const { address, shardCount } = await inActivity(planGradients, input);
    const refused = inActivity(other.computeGradientShard, { ...input, address, shard: 0, shardCount });
    const error = await refused.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ArtifactMismatchError);
    expect((error as Error).message).toMatch(
      /^gradients: all compute workers must have the same engine and model, got \{.*"instructionSet":"another".*\} here; /,
    );
  });

  test('with another engine plans a table of its own', async () => {
    const other = createGradientActivities({ ...run.dependencies, models: new OtherEngine() });
    const input = await run.gradientsInput(run.config());
    const [own, others] = [await inActivity(planGradients, input), await inActivity(other.planGradients, input)];
    expect(others.address).not.toBe(own.address);
    expect(others.workId).not.toBe(own.workId);
    expect(others.finished).toBeNull();
  });
});
