// A model in the torch engine's process: gradients, training and scoring of rows.
import { setTimeout as sleep } from 'node:timers/promises';
import { sketchWidth } from '../../algorithms/projection.ts';
import type { Dtype } from '../../contracts/config.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { requireWholeGradients } from '../adam-moments.ts';
import { gradientLayout } from '../adapter.ts';
import type { AdapterValues } from '../adapter.ts';
import type {
  AdamMoments,
  DecoderLayers,
  EngineModel,
  GradientComputer,
  ModelExample,
  OptimizerSettings,
  Outcome,
  ProjectionSettings,
  RowExample,
  Scorer,
  Trainer,
  TrainingState,
} from '../engine.ts';
import type { TorchChild, TorchReply } from './child.ts';
import { clipTensors, describedClip } from './clip-tensors.ts';
import { decoderOf } from './described-model.ts';
import type { Inspected } from './described-model.ts';
import { modelPath } from './paths.ts';
import type { FrameTensor } from './tensors.ts';
import { float32, float64, int32, uint8 } from './reply-tensors.ts';

/** How often the caller breathes while the process works. */
const BREATH_MS = 500;

/** No row is cut by what is opened: each says its own longest length. */
const NO_CUTOFF = 2 ** 31 - 1;

/** A model that the process has loaded. It takes rows. */
export class TorchModel implements EngineModel {
  readonly folder: string;
  readonly decoder: DecoderLayers;
  readonly openPictures = null;
  readonly #child: TorchChild;
  #breathe: () => Promise<void>;

  private constructor(child: TorchChild, folder: string, decoder: DecoderLayers, breathe: () => Promise<void>) {
    this.#child = child;
    this.folder = folder;
    this.decoder = decoder;
    this.#breathe = breathe;
  }

  /** @throws InvalidConfigError for a folder that is no model, or one that does not fit the memory */
  static async load(
    child: TorchChild,
    wanted: { folder: string; dtype: Dtype; recompute: boolean },
    breathe: () => Promise<void> = () => Promise.resolve(),
  ): Promise<TorchModel> {
    const loading = child.call('load', wanted);
    const { result } = await waited(loading, breathe);
    return new TorchModel(child, wanted.folder, decoderOf(result as unknown as Inspected), breathe);
  }

  whileWaiting(breathe: () => Promise<void>): void {
    this.#breathe = breathe;
  }

  openGradients(
    adapter: AdapterValues,
    projection: ProjectionSettings,
    moments: AdamMoments | null = null,
  ): GradientComputer {
    if (moments !== null) requireWholeGradients(projection);
    const { places, length: parameterCount } = gradientLayout(adapter);
    const sketch = sketchWidth(projection, parameterCount);
    const coordinates = places.map(({ name, start }) => ({ name: this.#ownName(name), start }));
    const parameters = { projection: { ...projection, sketch }, coordinates, parameterCount, cutoff: NO_CUTOFF };
    const scaling = moments === null ? {} : { moments: { beta1: moments.beta1, beta2: moments.beta2 } };
    const opened = this.#open('open_gradients', { ...parameters, ...scaling, adapter: this.#described(adapter) }, [
      ...this.#tensors(adapter),
      ...(moments === null ? [] : this.#momentTensors(adapter, moments)),
    ]);
    return {
      sketch,
      compute: async (examples) => {
        const { tensors } = await this.#onRows('gradients', opened, examples);
        return {
          loss: float64(tensors, 'loss'),
          supervisedTokenCount: Uint32Array.from(int32(tensors, 'count')),
          gradientNorm: float64(tensors, 'norm'),
          el2n: float64(tensors, 'el2n'),
          sketch: float32(tensors, 'sketch'),
        };
      },
      dispose: () => this.#close(opened),
    };
  }

  openTraining(start: AdapterValues, settings: OptimizerSettings, resumed: TrainingState | null): Trainer {
    let step = resumed?.optimizer.step ?? 0;
    const optimizer = { ...settings.adamW, maxGradientNorm: settings.maxGradientNorm };
    const parameters = { optimizer, step, adapter: this.#described(start), cutoff: NO_CUTOFF };
    const opened = this.#open('open_training', parameters, this.#startTensors(start, resumed));
    return {
      get step() {
        return step;
      },
      addMicroBatch: async (examples, weight) => {
        const { result } = await this.#onRows('add_micro_batch', opened, examples, { weight });
        return numberOf(result, 'loss');
      },
      update: async (learningRate) => {
        const { result } = await this.#call('update', { handle: await opened, learningRate });
        step = numberOf(result, 'step');
        return numberOf(result, 'norm');
      },
      drop: async () => numberOf((await this.#call('drop', { handle: await opened })).result, 'norm'),
      state: async () => {
        const { tensors } = await this.#call('state', { handle: await opened });
        const all = (prefix: string) =>
          start.parameters.map(({ name }) => float32(tensors, `${prefix}${this.#ownName(name)}`));
        return { parameters: all(''), optimizer: { step, first: all('first.'), second: all('second.') } };
      },
      dispose: () => this.#close(opened),
    };
  }

  openScoring(adapter: AdapterValues | null): Scorer {
    const described = adapter === null ? null : this.#described(adapter);
    const tensors = adapter === null ? [] : this.#tensors(adapter);
    const opened = this.#open('open_scoring', { adapter: described, cutoff: NO_CUTOFF }, tensors);
    return {
      score: async (examples) => {
        const { tensors: found } = await this.#onRows('score', opened, examples);
        const [loss, correct, last] = [float64(found, 'loss'), uint8(found, 'correct'), int32(found, 'last')];
        return examples.map((_, row): Outcome => ({
          loss: loss[row]!,
          correct: correct[row] === 1,
          lastAnswerTokenCount: last[row]!,
        }));
      },
      generate: async (examples, settings) => {
        const { result, tensors: found } = await this.#onRows('generate', opened, examples, { ...settings });
        const rows = result['rows'] as { text: string; ended: boolean }[];
        return rows.map(({ text, ended }, row) => ({ ids: int32(found, `row.${row}.ids`), hasEnded: ended, text }));
      },
      dispose: () => this.#close(opened),
    };
  }

  /** The process frees a model when it loads another one, or ends. */
  dispose(): void {
    return;
  }

  #call(name: string, parameters: JsonObject, tensors: readonly FrameTensor[] = []): Promise<TorchReply> {
    return waited(this.#child.call(name, parameters, tensors), this.#breathe);
  }

  /** A failure is met where the handle is used. */
  #open(name: string, parameters: JsonObject, tensors: readonly FrameTensor[]): Promise<number> {
    const opened = this.#call(name, parameters, tensors).then(({ result }) => numberOf(result, 'handle'));
    opened.catch(() => undefined);
    return opened;
  }

  #close(opened: Promise<number>): void {
    // A process that is gone has closed everything.
    void opened.then((handle) => this.#child.call('close', { handle })).catch(() => undefined);
  }

  async #onRows(
    name: string,
    opened: Promise<number>,
    examples: readonly ModelExample[],
    more: JsonObject = {},
  ): Promise<TorchReply> {
    const rows = examples.map(rowOf);
    const described = rows.map(({ pieces, pictures, clips = [] }) => ({
      pieces,
      pictures: pictures.length,
      clips: clips.map(describedClip),
    }));
    const pictures = rows.flatMap((row, number) =>
      row.pictures.map(({ width, height, data }, index): FrameTensor => ({
        name: `row.${number}.picture.${index}`,
        shape: [height, width, 3],
        values: data,
      })),
    );
    const clips = rows.flatMap((row, number) => clipTensors(row.clips ?? [], number));
    const cutoff = Math.max(...rows.map(({ cutoffLen }) => cutoffLen));
    return this.#call(name, { ...more, handle: await opened, rows: described, cutoff }, [...pictures, ...clips]);
  }

  #ownName(name: string): string {
    return modelPath(name, this.decoder.path);
  }

  #described({ parameters, scales }: AdapterValues): JsonObject {
    return {
      parameters: parameters.map(({ name }) => ({ name: this.#ownName(name) })),
      scales: Object.fromEntries([...scales].map(([path, scale]) => [this.#ownName(path), scale])),
    };
  }

  #tensors({ parameters }: AdapterValues): FrameTensor[] {
    return parameters.map(({ name, shape, values }) => ({ name: this.#ownName(name), shape, values }));
  }

  #startTensors(start: AdapterValues, resumed: TrainingState | null): FrameTensor[] {
    if (resumed === null) return this.#tensors(start);
    const { parameters, optimizer } = resumed;
    return [...this.#named(start, '', parameters), ...this.#momentTensors(start, optimizer)];
  }

  #momentTensors(adapter: AdapterValues, { first, second }: Pick<AdamMoments, 'first' | 'second'>): FrameTensor[] {
    return [...this.#named(adapter, 'first.', first), ...this.#named(adapter, 'second.', second)];
  }

  #named({ parameters }: AdapterValues, prefix: string, arrays: readonly Float32Array[]): FrameTensor[] {
    return parameters.map(({ name, shape }, index) => ({
      name: `${prefix}${this.#ownName(name)}`,
      shape,
      values: arrays[index]!,
    }));
  }
}

/** An answer of the process; the caller breathes until it is there. */
async function waited<Answer>(answer: Promise<Answer>, breathe: () => Promise<void>): Promise<Answer> {
  const done = answer.then(
    () => true,
    () => true,
  );
  const timer = new AbortController();
  const tick = (): Promise<boolean> => sleep(BREATH_MS, false, { signal: timer.signal }).catch(() => false);
  while (!(await Promise.race([done, tick()]))) await breathe();
  timer.abort();
  return answer;
}

function rowOf(example: ModelExample): RowExample {
  if (!('ids' in example)) return example;
  throw new TypeError('engine: examples must be rows for engine torch, got tokens; load them for this engine');
}

function numberOf(result: JsonObject, key: string): number {
  const value = result[key];
  // JSON has no numbers that are not finite; the process gives their names.
  if (typeof value === 'number') return value;
  if (value === null || typeof value === 'string') return Number(value ?? NaN);
  throw new Error(`torch: ${key} must be a number, got ${JSON.stringify(value)}`);
}
