// Training of one LoRA adapter, as the warm-up and fine-tuning do it.
import { checkpointSteps } from '../../algorithms/training-schedule.ts';
import { createRandom, shuffledOrder } from '../../algorithms/random-stream.ts';
import type { Config, TrainingSchedule } from '../../contracts/config.ts';
import type { AdapterResult } from '../../contracts/messages/training.ts';
import type { FileReference } from '../../contracts/references.ts';
import type { CountedPlace } from '../../contracts/row-place.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { encodeMoments, momentsFile } from '../../model/adam-moments.ts';
import { initialAdapter } from '../../model/adapter.ts';
import type { AdapterValues } from '../../model/adapter.ts';
import { checkpointFile, encodeAdapter, encodeParameters } from '../../model/adapter-files.ts';
import { ADAMW_DEFAULTS } from '../../model/engine.ts';
import type { AdamWState, EngineDescription, OptimizerSettings, TrainingState } from '../../model/engine.ts';
import { train } from '../../model/training.ts';
import type { StepNumbers, TrainingSettings } from '../../model/training.ts';
import { removeFinishedCheckpoints } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import { trainingTable } from '../../tables/training.ts';
import type { AdapterDetails } from '../../tables/training.ts';
import { examplesOf } from '../shared/compute-context.ts';
import { modelFingerprint } from '../shared/fingerprints.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import type { ModelHost } from '../shared/model-host.ts';
import { countRows } from '../shared/metrics.ts';
import { writeFile } from '../shared/stage-output.ts';
import type { OutputPlace, StageOutput, WrittenOutput } from '../shared/stage-output.ts';
import { createTrainingCheckpoints } from './checkpoints.ts';
import type { KeptParameters, TrainingCheckpoint } from './checkpoints.ts';
import { trainingSoFar } from './training-so-far.ts';

/** Least time between two checkpoints of a training run, and how many times as long as saving one it must be. */
const CHECKPOINT_MS = 5000;
const CHECKPOINT_RATIO = 20;

const OPTIMIZER: OptimizerSettings = { adamW: ADAMW_DEFAULTS, maxGradientNorm: 1 };

/** What is trained on, and how. */
export interface TuneRequest {
  store: Store;
  place: OutputPlace;
  /** Names its curves while it is at work. */
  name: string;
  config: Config;
  /** The config's, as files of this machine. */
  dataset: LocalDataset;
  /** Padded tokens of a micro-batch. */
  tokenBudget: number;
  /** As it is done; everything else is as in the warm-up. */
  schedule: TrainingSchedule;
  /** Rows in row order; a row drawn n times stands n times. */
  places: readonly CountedPlace[];
  /** Checkpoints whose values are kept, evenly spaced, the end included; not there: the end alone, as ever. */
  trajectory?: number;
  /** Whether the optimiser's moments are kept too, at the end and at each checkpoint. */
  keepsMoments?: boolean;
  pulse: Pulse;
}

/** What every trained adapter is determined by, beside its rows and its settings. */
export async function trainingDeterminants({ model }: Config, engine: EngineDescription) {
  return { model: await modelFingerprint(model.path), engine: { ...engine } };
}

/** A finished adapter as the stages' result. @param schedule null for an adapter that was given */
export function adapterResult(
  { reference, details, cached }: StageOutput<AdapterDetails>,
  schedule: TrainingSchedule | null,
): AdapterResult {
  return { ...details, adapter: reference, schedule, cached };
}

/**
 * Trains a fresh LoRA adapter on rows and writes its files. Goes on from the last checkpoint of an attempt that
 * died: parameters, moments and position are exact, so the bytes are those of an undisturbed run.
 */
export async function tuneAdapter(request: TuneRequest, models: ModelHost): Promise<WrittenOutput<AdapterDetails>> {
  const model = await models.model(request.config, () => request.pulse.breathe());
  const { store, config, places, pulse } = request;
  const { stage, address } = request.place;
  const { loraRank: rank, loraAlpha: alpha, loraTarget: targets } = config.warmup;
  const random = createRandom(`${stage}/adapter`, config.run.seed);
  const initial = initialAdapter(model.decoder.layers, { rank, alpha, targets }, () => random.uniform());
  const batches = planBatches(places.length, request.schedule, config.run.seed);
  const wanted = checkpointSteps(batches.length, request.trajectory ?? 0);
  const checkpoints = createTrainingCheckpoints(
    store,
    stage,
    address,
    initial.parameters.map(({ name }) => name),
  );
  const resumed = await checkpoints.latest();
  const losses = resumed?.losses ?? [];
  const kept = resumed?.kept ?? [];
  const trainer = model.openTraining(initial, OPTIMIZER, resumed?.state ?? null);
  const source = await examplesOf(config, request.dataset, model, models);
  try {
    const scope = await source.scope(`training ${address}`, places);
    const load = (rows: Uint32Array) =>
      source.examples(
        Array.from(rows, (row) => places[row]!),
        scope,
      );
    // A training that goes on is as far as it was.
    if (resumed !== null) await pulse.committed(losses.length, batches.length, trainingSoFar(request.name, losses));
    let nextSaveAt = performance.now() + CHECKPOINT_MS;
    const nameOf = (row: number): number => places[row]!.rowIndex;
    for await (const step of train(trainer, batches, settingsOf(request), load, nameOf)) {
      if (step === null) {
        await pulse.breathe();
        continue;
      }
      const { learningRate, loss, gradientNorm, leftOut } = step;
      losses.push({ learningRate, loss, gradientNorm, ...(leftOut === undefined ? {} : { leftOut }) });
      countRows(stage, batches[step.step]!.length);
      pulse.worked(batches[step.step]!.length);
      if (wanted.includes(losses.length) && losses.length < batches.length)
        kept.push(keptOf(await trainer.state(), request));
      const startedAt = performance.now();
      if (startedAt > nextSaveAt || pulse.mustStop()) {
        await checkpoints.save(await trainer.state(), losses, kept);
        const savedAt = performance.now();
        nextSaveAt = savedAt + Math.max(CHECKPOINT_MS, CHECKPOINT_RATIO * (savedAt - startedAt));
        await pulse.committed(step.step + 1, batches.length, trainingSoFar(request.name, losses));
      } else await pulse.breathe();
    }
    const trained = { state: await trainer.state(), losses, kept };
    const written = await writeTrained(request, initial, trained, model.decoder.path);
    if (wanted.length === 0) return written;
    return {
      ...written,
      details: { ...written.details, trajectory: wanted, trajectoryRates: meanRates(losses, wanted) },
    };
  } finally {
    trainer.dispose();
    await source.close();
    await removeFinishedCheckpoints(store, stage, address);
  }
}

/** Rows of each step: every epoch in its own named order. */
function planBatches(rowCount: number, { epochs, batchSize }: TuneRequest['schedule'], seed: number): Uint32Array[] {
  const batches: Uint32Array[] = [];
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    const order = shuffledOrder(rowCount, `train/shuffle/${epoch}`, seed);
    for (let start = 0; start < rowCount; start += batchSize) batches.push(order.slice(start, start + batchSize));
  }
  return batches;
}

function settingsOf({ config, schedule, tokenBudget }: TuneRequest): TrainingSettings {
  const { schedule: kind, warmupFraction } = config.warmup;
  return {
    schedule: { kind, learningRate: schedule.learningRate, warmupFraction },
    tokenBudget,
  };
}

function withParameters(initial: AdapterValues, trained: readonly Float32Array[]): AdapterValues {
  return {
    ...initial,
    parameters: initial.parameters.map((parameter, index) => ({ ...parameter, values: trained[index]! })),
  };
}

/** What the result is to hold of a state, as a copy. */
function keptOf({ parameters, optimizer }: TrainingState, { keepsMoments = false }: TuneRequest): KeptParameters {
  const { step, first, second } = optimizer;
  const moments = keepsMoments ? { moments: { first: copiesOf(first), second: copiesOf(second) } } : {};
  return { step, parameters: copiesOf(parameters), ...moments };
}

/** [checkpoint] mean learning rate of the updates since the checkpoint before. */
function meanRates(losses: readonly StepNumbers[], steps: readonly number[]): number[] {
  return steps.map((step, place) => {
    const own = losses.slice(steps[place - 1] ?? 0, step);
    return own.reduce((sum, { learningRate }) => sum + learningRate, 0) / own.length;
  });
}

function copiesOf(arrays: readonly Float32Array[]): Float32Array[] {
  return arrays.map((values) => values.slice());
}

/** The adapter, its earlier checkpoints, its moments and its steps. */
async function writeTrained(
  { store, place, places, keepsMoments = false }: TuneRequest,
  initial: AdapterValues,
  { state, losses, kept }: TrainingCheckpoint,
  decoderPath: string,
): Promise<WrittenOutput<AdapterDetails>> {
  const steps = {
    rowCount: losses.length,
    step: Uint32Array.from(losses.keys()),
    learningRate: Float64Array.from(losses, ({ learningRate }) => learningRate),
    loss: Float64Array.from(losses, ({ loss }) => loss),
    gradientNorm: Float64Array.from(losses, ({ gradientNorm }) => gradientNorm),
  };
  const files = await writeAdapter(store, place, withParameters(initial, state.parameters), decoderPath);
  const writeMoments = async (name: string, moments: AdamWState): Promise<void> => {
    files.push(await writeFile(store, place, name, encodeMoments(initial, moments, OPTIMIZER.adamW)));
  };
  for (const { step, parameters, moments } of kept) {
    const bytes = encodeParameters(withParameters(initial, parameters).parameters, decoderPath);
    files.push(await writeFile(store, place, checkpointFile(step), bytes));
    if (moments !== undefined) await writeMoments(momentsFile(step), { step, ...moments });
  }
  if (keepsMoments) await writeMoments(momentsFile(), state.optimizer);
  files.push(await trainingTable.write(store, place.folder, [steps]));
  const [firstLoss, lastLoss] = [losses[0]?.loss ?? null, losses.at(-1)?.loss ?? null];
  const warnings = leftOutWarnings(place.stage, losses, places);
  const details = { rowCount: places.length, stepCount: losses.length, firstLoss, lastLoss };
  return { files, details: warnings.length === 0 ? details : { ...details, warnings } };
}

/** Rows that a warning names. */
const NAMED_ROWS = 5;

/** What a person should know of rows that steps were taken without. */
function leftOutWarnings(stage: string, losses: readonly StepNumbers[], places: readonly CountedPlace[]): string[] {
  const rows = [...new Set(losses.flatMap(({ leftOut = [] }) => leftOut.map((row) => places[row]!.rowIndex)))];
  if (rows.length === 0) return [];
  const named = rows.slice(0, NAMED_ROWS).join(', ') + (rows.length > NAMED_ROWS ? ', …' : '');
  const stepCount = losses.filter(({ leftOut }) => leftOut !== undefined).length;
  return [
    `${stage}: losses and gradients of all rows should be finite, got others of ${rows.length} (${named}); ` +
      `${stepCount} of ${losses.length} steps were taken without them`,
  ];
}

/** Writes an adapter as PEFT has it. */
export async function writeAdapter(
  store: Store,
  place: OutputPlace,
  values: AdapterValues,
  decoderPath: string,
): Promise<FileReference[]> {
  const files: FileReference[] = [];
  for (const { name, bytes } of encodeAdapter(values, decoderPath))
    files.push(await writeFile(store, place, name, bytes));
  return files;
}
