// A model's weights as tensors of the active engine.
import * as tf from '@tensorflow/tfjs';
import type { Graph } from './graphs/graph.ts';

/**
 * The model's weights by canonical name, as resident float32 tensors. Linear weights are `[out, in]`.
 *
 * The wasm engine multiplies fast only by operands that are not transposed, so there each linear weight is kept a
 * second time, transposed, when it is first used.
 */
export class Weights {
  readonly #tensors: Map<string, tf.Tensor>;
  readonly #transposed = new Map<string, tf.Tensor2D>();
  readonly #keepsTransposed: boolean;
  readonly #valueCount: number;

  readonly #graphs = new Map<string, Graph>();

  /** Takes ownership of the tensors: {@link dispose} frees them. */
  constructor(tensors: Map<string, tf.Tensor>) {
    this.#tensors = tensors;
    this.#valueCount = [...tensors.values()].reduce((sum, { size }) => sum + size, 0);
    this.#keepsTransposed = tf.getBackend() === 'wasm';
  }

  get names(): string[] {
    return [...this.#tensors.keys()];
  }

  /** Values of all tensors. */
  get valueCount(): number {
    return this.#valueCount;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** @throws RangeError for a name that the model does not have. */
  get<Rank extends tf.Tensor = tf.Tensor>(name: string): Rank {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new RangeError(`weights: name must exist, got "${name}"`);
    return tensor as Rank;
  }

  /** x Wᵀ (+ bias): x `[row, in]`, weight `[out, in]` → `[row, out]`. Differentiable in all three. */
  linear(x: tf.Tensor2D, path: string): tf.Tensor2D {
    const product: tf.Tensor2D = this.#keepsTransposed
      ? tf.matMul(x, this.#transpose(`${path}.weight`))
      : tf.matMul(x, this.get<tf.Tensor2D>(`${path}.weight`), false, true);
    return this.withBias(product, path);
  }

  /** Adds the bias of a linear layer, where it has one. */
  withBias(product: tf.Tensor2D, path: string): tf.Tensor2D {
    return this.has(`${path}.bias`) ? tf.add(product, this.get<tf.Tensor1D>(`${path}.bias`)) : product;
  }

  /** The gradient of {@link linear} with respect to x: dy W, dy `[row, out]` → `[row, in]`. */
  linearBackward(dy: tf.Tensor2D, path: string): tf.Tensor2D {
    return tf.matMul(dy, this.get<tf.Tensor2D>(`${path}.weight`));
  }

  /** A graph that computes with these weights, made once by its name and freed with them. */
  graph(name: string, make: () => Graph): Graph {
    let graph = this.#graphs.get(name);
    if (graph === undefined) {
      graph = make();
      this.#graphs.set(name, graph);
    }
    return graph;
  }

  #transpose(name: string): tf.Tensor2D {
    let tensor = this.#transposed.get(name);
    if (tensor === undefined) {
      tensor = tf.keep(tf.transpose(this.get<tf.Tensor2D>(name)));
      this.#transposed.set(name, tensor);
    }
    return tensor;
  }

  dispose(): void {
    tf.dispose([...this.#tensors.values(), ...this.#transposed.values()]);
    this.#tensors.clear();
    this.#transposed.clear();
    for (const graph of this.#graphs.values()) graph.dispose();
    this.#graphs.clear();
  }
}
