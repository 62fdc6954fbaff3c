// A function of tensors as one graph of the native library, for batches of any size.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import type { Binding, HostValues, NativeBackend } from './binding.ts';
import { GraphNodes } from './graph-nodes.ts';
import { record } from './recording.ts';
import type { Recording } from './recording.ts';
import { savedModel } from './saved-model.ts';
import { productAt } from './sizes.ts';
import type { SizeProduct, Sizes } from './sizes.ts';

/** Shape and type of an input, whose sizes may be those of the batch. */
export interface InputShape {
  shape: readonly (number | string)[];
  type: 'float32' | 'int32';
}

/** What becomes a graph. */
export interface GraphSource {
  /** Names of the batch's sizes. */
  sizes: readonly string[];
  inputs: Readonly<Record<string, InputShape>>;
  /**
   * The function. Its operations follow from the sizes' names alone, and no value is looked at; other tensors that it
   * takes outlive the graph.
   * @returns what is wanted, each of its own operation
   */
  make: (sizes: Sizes, inputs: Readonly<Record<string, tf.Tensor>>) => Readonly<Record<string, tf.Tensor>>;
}

/** Values of an input: a tensor, or values in the host's memory. */
export type GraphInput = tf.Tensor | Float32Array | Int32Array;

const TAG = 'serve';

/**
 * Operation by operation, tfjs pays for each call, and nothing that it holds is computed in place: the same operations
 * as one graph take a half to two thirds of the time. The function runs twice with batches of different sizes, and
 * what it asks of the library becomes the graph; where a number differs between the two, the graph takes it as input.
 *
 * Bits are those of the graph, a little other than those of operation by operation; they do not depend on what ran
 * before. No file remains: the library reads graphs from a folder alone.
 */
export class Graph {
  readonly #backend: NativeBackend;
  readonly #inputs: readonly [string, InputShape][];
  /** Tensors that the function took from outside, behind the inputs. */
  readonly #captured: readonly number[];
  /** Shapes that depend on sizes, behind those. */
  readonly #shapes: readonly (readonly SizeProduct[])[];
  readonly #inputNames: string;
  readonly #outputNames: string;
  readonly #outputs: readonly string[];
  #model: number | null;

  constructor(backend: NativeBackend, source: GraphSource) {
    const [first, second] = TRACED.map((primes) => trace(backend, source, sizesOf(source.sizes, primes)));
    const nodes = new GraphNodes(backend.binding, [first!, second!]);
    this.#backend = backend;
    this.#inputs = Object.entries(source.inputs);
    this.#captured = nodes.captured;
    this.#shapes = nodes.shapes;
    this.#inputNames = nodes.inputNames.map((name) => `${name}:0`).join(',');
    this.#outputNames = nodes.outputNames.join(',');
    this.#outputs = first!.outputNames;
    this.#model = load(backend.binding, savedModel(nodes.nodes, TAG));
  }

  /** Values of what the function gives, by its names and in its order. */
  run(sizes: Sizes, values: Readonly<Record<string, GraphInput>>): Record<string, HostValues> {
    const { binding } = this.#backend;
    if (this.#model === null) throw new Error('graph: must not be run after its end');
    const made: number[] = [];
    const create = (shape: readonly number[], type: number, host: HostValues): number => {
      const id = binding.createTensor(shape, type, host);
      made.push(id);
      return id;
    };
    try {
      const inputs = this.#inputs.map(([name, { shape, type }]) => {
        const value = values[name];
        if (value === undefined) throw new RangeError(`graph: input ${name} must be given, got none`);
        if (value instanceof tf.Tensor) return this.#backend.getInputTensorIds([value])[0]!;
        return create(shapeAt(shape, sizes), type === 'int32' ? binding.TF_INT32 : binding.TF_FLOAT, value);
      });
      const shapes = this.#shapes.map((shape) => {
        const host = Int32Array.from(shape, (product) => productAt(product, sizes));
        return create([host.length], binding.TF_INT32, host);
      });
      const ids = [...inputs, ...this.#captured, ...shapes];
      const outputs = binding.runSavedModel(this.#model, ids, this.#inputNames, this.#outputNames);
      made.push(...outputs.map(({ id }) => id));
      return Object.fromEntries(this.#outputs.map((name, index) => [name, binding.tensorDataSync(outputs[index]!.id)]));
    } finally {
      for (const id of made) binding.deleteTensor(id);
    }
  }

  dispose(): void {
    if (this.#model !== null) this.#backend.binding.deleteSavedModel(this.#model);
    this.#model = null;
  }
}

/** Sizes of the two batches. */
const TRACED = [
  [3, 5, 7, 11],
  [13, 17, 19, 23],
] as const;

/** What the function did with one batch. */
export interface Trace extends Recording {
  sizes: Sizes;
  inputs: readonly number[];
  inputTypes: readonly InputShape['type'][];
  outputs: readonly number[];
  outputNames: readonly string[];
}

function sizesOf(names: readonly string[], primes: readonly number[]): Sizes {
  return Object.fromEntries(names.map((name, index) => [name, primes[index]!]));
}

function trace(backend: NativeBackend, { inputs: described, make }: GraphSource, sizes: Sizes): Trace {
  const scope = tf.engine();
  scope.startScope();
  try {
    const shapes = Object.entries(described);
    const inputs = Object.fromEntries(
      shapes.map(([name, { shape, type }]) => [name, tf.zeros(shapeAt(shape, sizes), type)]),
    );
    const inputIds = backend.getInputTensorIds(Object.values(inputs));
    const { result: made, recording } = record(backend, () => make(sizes, inputs));
    const outputs = backend.getInputTensorIds(Object.values(made));
    // They may have been kept.
    tf.dispose(Object.values(made));
    const inputTypes = shapes.map(([, { type }]) => type);
    return { ...recording, sizes, inputs: inputIds, inputTypes, outputs, outputNames: Object.keys(made) };
  } finally {
    scope.endScope();
  }
}

function shapeAt(shape: InputShape['shape'], sizes: Sizes): number[] {
  return shape.map((size) => (typeof size === 'number' ? size : sizes[size]!));
}

function load(binding: Binding, bytes: Buffer): number {
  const folder = temporaryFolder();
  try {
    writeFileSync(join(folder, 'saved_model.pb'), bytes);
    return binding.loadSavedModel(folder, TAG);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function temporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'tive-graph-'));
  } catch (error) {
    throw new InvalidConfigError(
      `engine: the folder of temporary files must be writable, got ${(error as Error).message}; set TMPDIR to one that is`,
      { cause: error },
    );
  }
}
