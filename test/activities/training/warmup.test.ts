import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createWarmupActivities, findReference } from '../../../activities/training/warmup.ts';
import type { Config } from '../../../contracts/config.ts';
import type { Checkpoint } from '../../../contracts/messages/run.ts';
import { NoProgressError } from '../../../contracts/failures.ts';
import { momentsFile, readMoments } from '../../../model/adam-moments.ts';
import { ADAMW_DEFAULTS } from '../../../model/engine.ts';
import { readAdapter } from '../../../model/adapter-files.ts';
import { readArchitecture } from '../../../model/architectures/read-architecture.ts';
import { checkpointFolder } from '../../../store/addresses.ts';
import { readManifest } from '../../../store/artifacts.ts';
import { trainingTable } from '../../../tables/training.ts';
import { modelFolder } from '../../client/small-dataset.ts';
import { SmallRun, inActivity } from '../small-run.ts';
import type { Surroundings } from '../small-run.ts';
import { linearLayers } from '../../../model/weight-shapes.ts';

const run = new SmallRun('warmup.epochs=5');
/** The same run in another store. */
const other = new SmallRun('warmup.epochs=5');
beforeEach(() => run.models.reset());

/** 15 % of 56 rows in steps of 4, five epochs. */
const [SAMPLED_ROWS, STEPS_AN_EPOCH, STEPS] = [8, 2, 5 * 2];

const FILES = ['adapter_config.json', 'adapter_model.safetensors', 'training.arrow'];

describe('the reference model', () => {
  test('is an adapter of the wanted rank on the wanted projections', async () => {
    const { adapter } = await run.tune(run.config());
    const { text } = await readArchitecture(modelFolder);
    const read = await readAdapter(join(run.store.uri, adapter.uri), linearLayers(text));
    const { loraRank: rank, loraAlpha: alpha, loraTarget: targets } = run.config().warmup;
    expect(read.settings).toEqual({ rank, alpha, targets });
    expect(read.parameters).toHaveLength(2 * text.layerCount * targets.length);
    for (const { values } of read.parameters) expect(values.every(Number.isFinite)).toBe(true);
  });

  test('comes with every step of its training, whose losses fall', async () => {
    const tuned = await run.tune(run.config());
    expect(tuned).toMatchObject({ rowCount: SAMPLED_ROWS, stepCount: STEPS });
    expect(tuned.lastLoss).toBeLessThan(tuned.firstLoss!);
    const steps: [step: number, loss: number, norm: number][] = [];
    for await (const { rowCount, step, loss, gradientNorm } of trainingTable.read(run.store, tuned.adapter))
      for (let row = 0; row < rowCount; row += 1) steps.push([step[row]!, loss[row]!, gradientNorm[row]!]);
    expect(steps.map(([step]) => step)).toEqual(Array.from({ length: STEPS }, (_, step) => step));
    expect([steps[0]![1], steps.at(-1)![1]]).toEqual([tuned.firstLoss, tuned.lastLoss]);
    const meanOf = (epoch: number): number =>
      steps
        .slice(epoch * STEPS_AN_EPOCH, (epoch + 1) * STEPS_AN_EPOCH)
        .reduce((sum, [, loss]) => sum + loss / STEPS_AN_EPOCH, 0);
    expect(meanOf(4)).toBeLessThan(0.9 * meanOf(0));
    for (const [, , norm] of steps) expect(norm).toBeGreaterThan(0);
  });

  test('is tuned once: asked again, it comes back without a step', async () => {
    const first = await run.tune(run.config());
    run.models.reset();
    expect(await run.tune(run.config())).toEqual({ ...first, cached: true });
    expect(run.models.calls.update).toBe(0);
    const { rows } = await run.scan(run.config());
    expect(await findReference(run.store, { config: run.config(), rows }, run.models)).toEqual({
      ...first,
      cached: true,
    });
  });

  test('whose batch size, epochs and rate follow from the rows lies where the same numbers said would put it', async () => {
    const open = run.config('warmup.batch_size=null', 'warmup.epochs=null', 'warmup.learning_rate=null');
    const followed = await run.tune(open);
    // Eight rows: the smallest steps and the most epochs.
    expect(followed.schedule).toEqual({ batchSize: 4, epochs: 4, learningRate: 4e-4 });
    expect(followed.stepCount).toBe(STEPS_AN_EPOCH * 4);
    const said = run.config('warmup.batch_size=4', 'warmup.epochs=4', 'warmup.learning_rate=0.0004');
    expect(await run.tune(said)).toEqual({ ...followed, cached: true });
    const { rows } = await run.scan(open);
    expect(await findReference(run.store, { config: open, rows }, run.models)).toEqual({ ...followed, cached: true });
  });

  test('of another seed has other bytes', async () => {
    const settings = 'warmup.epochs=1';
    const [one, other] = [await run.tune(run.config(settings)), await run.tune(run.config(settings, 'run.seed=7'))];
    expect(run.hashOf(other.adapter, FILES[1]!)).not.toBe(run.hashOf(one.adapter, FILES[1]!));
  });
});

test('a row whose loss is not finite is left out with a warning, the same after a stop', async () => {
  const settings = 'run.seed=13';
  const whole = await run.tune(run.config(settings));
  expect(whole.warnings).toBeUndefined();
  const [one, two] = [new SmallRun('warmup.epochs=5'), new SmallRun('warmup.epochs=5')];
  for (const { models } of [one, two]) models.breaksFirst = true;
  const tuned = await one.tune(one.config(settings));
  expect(tuned.stepCount).toBe(STEPS);
  expect(tuned.warnings).toEqual([
    expect.stringMatching(
      /^warmup: losses and gradients of all rows should be finite, got others of 1 \(\d+\); 5 of 10 steps were taken without them$/,
    ),
  ]);
  expect(one.hashOf(tuned.adapter, FILES[1]!)).not.toBe(run.hashOf(whole.adapter, FILES[1]!));
  const onStart = (cancel: () => void): void => two.models.after('update', 6, cancel);
  await expect(two.tune(two.config(settings), { onStart })).rejects.toThrow('CANCELLED');
  expect(await two.tune(two.config(settings))).toEqual(tuned);
  for (const name of FILES) expect(two.hashOf(tuned.adapter, name)).toBe(one.hashOf(tuned.adapter, name));
  expect(await two.tune(two.config(settings))).toEqual({ ...tuned, cached: true });
});

describe('a training that is stopped', () => {
  /** The other run's last heartbeat before it ends, cancelled when it has done so many steps in all. */
  async function stoppedAfter(steps: number, around: Surroundings = {}): Promise<Checkpoint> {
    const heartbeats: Checkpoint[] = [];
    const onStart = (cancel: () => void): void => other.models.after('update', steps, cancel);
    await expect(other.tune(other.config(), { ...around, onStart, heartbeats })).rejects.toThrow('CANCELLED');
    return heartbeats.at(-1)!;
  }

  test('leaves a checkpoint, and started again ends in the same bytes without a step twice', async () => {
    const undisturbed = await run.tune(run.config());
    const first = await stoppedAfter(3);
    expect(first).toMatchObject({ stage: 'warmup', doneCount: 3, totalCount: STEPS, movedAtAttempt: 1 });
    const second = await stoppedAfter(8, { attempt: 2, heartbeatDetails: first });
    expect(second).toMatchObject({ stage: 'warmup', doneCount: 8, totalCount: STEPS, movedAtAttempt: 2 });
    // A new process, to which no heartbeat tells how far it was: it begins at the share that is there.
    const heartbeats: Checkpoint[] = [];
    const finished = await other.tune(other.config(), { heartbeats });
    expect(heartbeats.find(({ doneCount }) => doneCount > 0)).toMatchObject({ doneCount: 8, totalCount: STEPS });
    expect(other.models.calls.update).toBe(STEPS);
    expect(finished.adapter).toEqual(undisturbed.adapter);
    for (const name of FILES) expect(other.hashOf(finished.adapter, name)).toBe(run.hashOf(undisturbed.adapter, name));
    const { address } = await readManifest(other.store, finished.adapter);
    expect(await other.store.list(checkpointFolder('warmup', address))).toEqual([]);
  });

  test('tells its curves up to its checkpoint, whole after a retry and in a new process', async () => {
    other.models.reset();
    const settings = 'run.seed=11';
    const { adapter } = await run.tune(run.config(settings));
    const all: { loss: number; learningRate: number }[] = [];
    for await (const { rowCount, loss, learningRate } of trainingTable.read(run.store, adapter))
      for (let row = 0; row < rowCount; row += 1) all.push({ loss: loss[row]!, learningRate: learningRate[row]! });
    const stopAfter = async (steps: number, around: Surroundings): Promise<Checkpoint[]> => {
      const heartbeats: Checkpoint[] = [];
      const onStart = (cancel: () => void): void => other.models.after('update', steps, cancel);
      const stopped = other.tune(other.config(settings), { ...around, onStart, heartbeats });
      await expect(stopped).rejects.toThrow('CANCELLED');
      return heartbeats;
    };
    const requireWhole = ({ doneCount, training }: Checkpoint): void => {
      expect(training).toMatchObject({ name: 'warmup', steps: Array.from({ length: doneCount }, (_, step) => step) });
      for (const [step, { loss, learningRate }] of all.slice(0, doneCount).entries()) {
        // Five digits are sent.
        expect(training!.losses[step]! / loss).toBeCloseTo(1, 4);
        expect(training!.learningRates[step]! / learningRate).toBeCloseTo(1, 4);
      }
    };
    const first = (await stopAfter(3, {})).at(-1)!;
    expect(first.doneCount).toBe(3);
    const second = await stopAfter(8, { attempt: 2, heartbeatDetails: first });
    const third = await stopAfter(9, {});
    expect(second[0]!.training).toEqual(first.training);
    expect(third.find(({ training }) => training !== undefined)!.doneCount).toBe(8);
    for (const beat of [first, ...second, ...third.filter(({ doneCount }) => doneCount > 0)]) requireWhole(beat);
  });

  test('that never gets further is given up', async () => {
    const config = run.config('warmup.epochs=3');
    const heartbeatDetails: Checkpoint = { stage: 'warmup', doneCount: 4, totalCount: 6, movedAtAttempt: 1 };
    await expect(run.tune(config, { attempt: 7, heartbeatDetails })).rejects.toThrow(NoProgressError);
    expect(run.models.calls.update).toBe(0);
  });
});

describe('a training whose checkpoints are kept', () => {
  const TRAJECTORY = 'warmup.trajectory=3';
  const KEPT = ['checkpoint-00000003.safetensors', 'checkpoint-00000007.safetensors'];

  test('has the adapter of one that keeps none, and beside it those of earlier steps', async () => {
    const plain = await run.tune(run.config());
    const tuned = await run.tune(run.config(TRAJECTORY));
    expect(tuned).toMatchObject({ stepCount: STEPS, trajectory: [3, 7, 10], lastLoss: plain.lastLoss });
    expect(plain).not.toHaveProperty('trajectory');
    expect((await readManifest(run.store, plain.adapter)).files.map(({ name }) => name)).toEqual(FILES);
    const { files } = await readManifest(run.store, tuned.adapter);
    expect(files.map(({ name }) => name)).toEqual([...FILES.slice(0, 2), ...KEPT, FILES[2]]);
    for (const name of FILES) expect(run.hashOf(tuned.adapter, name)).toBe(run.hashOf(plain.adapter, name));
    const { text } = await readArchitecture(modelFolder);
    const [first, last] = [KEPT[0]!, FILES[1]!].map((name) =>
      readAdapter(join(run.store.uri, tuned.adapter.uri), linearLayers(text), name),
    );
    expect((await first!).settings).toEqual((await last!).settings);
    expect((await first!).parameters).not.toEqual((await last!).parameters);
  });

  test('keeps those that an attempt before it had come by', async () => {
    const undisturbed = await run.tune(run.config(TRAJECTORY));
    const onStart = (cancel: () => void): void => other.models.after('update', 5, cancel);
    other.models.reset();
    await expect(other.tune(other.config(TRAJECTORY), { onStart })).rejects.toThrow('CANCELLED');
    const finished = await other.tune(other.config(TRAJECTORY));
    expect(other.models.calls.update).toBe(STEPS);
    expect(finished.adapter).toEqual(undisturbed.adapter);
    for (const name of KEPT) expect(other.hashOf(finished.adapter, name)).toBe(run.hashOf(undisturbed.adapter, name));
  });

  test('keeps the moments of each too where gradients are to be scaled, an attempt that goes on as well', async () => {
    const SCALED = [TRAJECTORY, 'gradients.preconditioner=adam'];
    const undisturbed = await run.tune(run.config(...SCALED));
    const names = [KEPT[0]!, momentsFile(3), KEPT[1]!, momentsFile(7), momentsFile()];
    const { files } = await readManifest(run.store, undisturbed.adapter);
    expect(files.map(({ name }) => name)).toEqual([...FILES.slice(0, 2), ...names, FILES[2]]);
    const { text } = await readArchitecture(modelFolder);
    const folder = join(run.store.uri, undisturbed.adapter.uri);
    const adapter = await readAdapter(folder, linearLayers(text));
    expect((await readMoments(folder, adapter, 3)).second).not.toEqual((await readMoments(folder, adapter)).second);
    other.models.reset();
    const onStart = (cancel: () => void): void => other.models.after('update', 5, cancel);
    await expect(other.tune(other.config(...SCALED), { onStart })).rejects.toThrow('CANCELLED');
    const finished = await other.tune(other.config(...SCALED));
    expect(finished.adapter).toEqual(undisturbed.adapter);
    for (const name of names) expect(other.hashOf(finished.adapter, name)).toBe(run.hashOf(undisturbed.adapter, name));
  });

  test('tells the mean learning rate of the updates up to each', async () => {
    const { adapter, trajectoryRates } = await run.tune(run.config(TRAJECTORY));
    const rates: number[] = [];
    for await (const { learningRate } of trainingTable.read(run.store, adapter)) rates.push(...learningRate);
    const mean = (from: number, to: number): number =>
      rates.slice(from, to).reduce((sum, rate) => sum + rate, 0) / (to - from);
    expect(trajectoryRates).toEqual([mean(0, 3), mean(3, 7), mean(7, 10)]);
    expect(new Set(trajectoryRates).size).toBe(3);
  });

  test('has at least as many steps', async () => {
    await expect(run.tune(run.config('warmup.trajectory=11'))).rejects.toThrow(
      'warmup.trajectory: must be at most the 10 steps of the warm-up, got 11; lower it, or raise warmup.epochs',
    );
  });
});

test('a training whose gradients are to be scaled keeps its moments beside an adapter of the same bytes', async () => {
  const plain = await run.tune(run.config());
  const tuned = await run.tune(run.config('gradients.preconditioner=adam'));
  const { files } = await readManifest(run.store, tuned.adapter);
  expect(files.map(({ name }) => name)).toEqual([...FILES.slice(0, 2), momentsFile(), FILES[2]]);
  for (const name of FILES) expect(run.hashOf(tuned.adapter, name)).toBe(run.hashOf(plain.adapter, name));
  const { text } = await readArchitecture(modelFolder);
  const folder = join(run.store.uri, tuned.adapter.uri);
  const { beta1, beta2, first, second } = await readMoments(folder, await readAdapter(folder, linearLayers(text)));
  expect([beta1, beta2]).toEqual([ADAMW_DEFAULTS.beta1, ADAMW_DEFAULTS.beta2]);
  expect(first.some((values) => values.some((value) => value !== 0))).toBe(true);
  expect(second.every((values) => values.every((value) => value >= 0))).toBe(true);
});

describe('an adapter that is given', () => {
  const given = (adapter: string, config = run.config()): Config => ({
    ...config,
    model: { ...config.model, adapter },
  });

  test('is read, held against the model and taken in as it is, without a step', async () => {
    const { adapter } = await run.tune(run.config());
    const folder = join(run.store.uri, adapter.uri);
    const config = given(folder);
    run.models.reset();
    const taken = await run.tune(config);
    expect(taken).toMatchObject({ rowCount: 0, stepCount: 0, firstLoss: null, lastLoss: null, cached: false });
    expect(run.models.calls.update).toBe(0);
    const { text } = await readArchitecture(modelFolder);
    expect(await readAdapter(join(run.store.uri, taken.adapter.uri), linearLayers(text))).toEqual(
      await readAdapter(folder, linearLayers(text)),
    );
    expect(await run.tune(config)).toEqual({ ...taken, cached: true });
  });

  test('stands for itself: rows and settings of the warm-up make no other of it', async () => {
    const { adapter } = await run.tune(run.config());
    const config = given(join(run.store.uri, adapter.uri), run.config('warmup.epochs=9'));
    const { rows } = await run.scan(config, 'evaluation');
    const { tuneReference } = createWarmupActivities(run.dependencies);
    const taken = await inActivity(tuneReference, { config, rows });
    expect(taken.cached).toBe(true);
  });
});
