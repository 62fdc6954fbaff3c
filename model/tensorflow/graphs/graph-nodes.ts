// The nodes of a graph, from what a function did with two batches of different sizes.
import type { Binding } from './binding.ts';
import type { Trace } from './graph.ts';
import type { RecordedOperation } from './recording.ts';
import { attributeValue, tensorAttribute, typeAttribute } from './saved-model.ts';
import type { GraphNode } from './saved-model.ts';
import { findProduct } from './sizes.ts';
import type { SizeProduct } from './sizes.ts';

/** Both traces; what is the same in both is told by the first. */
type Traces = readonly [Trace, Trace];

/** Nodes, and the names by which the graph is run. */
export class GraphNodes {
  readonly nodes: GraphNode[] = [];
  /** Ids of tensors that the function took from outside. */
  readonly captured: number[] = [];
  readonly shapes: SizeProduct[][] = [];
  readonly outputNames: string[];
  readonly #binding: Binding;
  readonly #traces: Traces;
  /** Name of what holds a tensor, by its id in the first trace. */
  readonly #names = new Map<number, string>();
  /** Name of a shape's input by its products. */
  readonly #shapeNames = new Map<string, string>();

  constructor(binding: Binding, traces: Traces) {
    this.#binding = binding;
    this.#traces = traces;
    const [first, second] = traces;
    if (first.operations.length !== second.operations.length) throw differing('operations');
    first.inputs.forEach((id, index) => this.#names.set(id, `input_${index}`));
    first.operations.forEach((operation, index) => this.#add(operation, second.operations[index]!, index));
    first.inputs.forEach((_, index) => this.#placeholder(`input_${index}`, this.#inputType(index)));
    this.outputNames = first.outputs.map((id) => {
      const name = this.#names.get(id);
      if (name === undefined || !name.startsWith('operation_')) throw differing('outputs');
      return name.includes(':') ? name : `${name}:0`;
    });
  }

  /** Placeholders in the order in which they are fed: inputs, captured tensors, shapes. */
  get inputNames(): string[] {
    return [
      ...this.#traces[0].inputs.map((_, index) => `input_${index}`),
      ...this.captured.map((_, index) => `captured_${index}`),
      ...this.shapes.map((_, index) => `shape_${index}`),
    ];
  }

  #add(first: RecordedOperation, second: RecordedOperation, index: number): void {
    const isSame = first.name === second.name && first.inputs.length === second.inputs.length;
    // A size that stands in an attribute cannot be fed.
    if (!isSame || JSON.stringify(first.attributes) !== JSON.stringify(second.attributes)) throw differing(first.name);
    const inputs = first.inputs.map((id, place) => this.#nameOf(id, second.inputs[place]!));
    const attributes = new Map(
      first.attributes.map((attribute) => [attribute.name, attributeValue(this.#binding, attribute)]),
    );
    this.nodes.push({ name: `operation_${index}`, operation: first.name, inputs, attributes });
    first.outputs.forEach((id, place) =>
      this.#names.set(id, place === 0 ? `operation_${index}` : `operation_${index}:${place}`),
    );
  }

  #nameOf(id: number, otherId: number): string {
    let name = this.#names.get(id);
    if (name === undefined) {
      name = id === otherId ? this.#capture(id) : this.#constant(id, otherId);
      this.#names.set(id, name);
    }
    return name;
  }

  #capture(id: number): string {
    // Its values may have come to the library in the first trace; weights are there before.
    const type = this.#traces[0].constants.get(id)?.type ?? this.#binding.TF_FLOAT;
    this.captured.push(id);
    return this.#placeholder(`captured_${this.captured.length - 1}`, type);
  }

  #constant(id: number, otherId: number): string {
    const [first, second] = [this.#traces[0].constants.get(id), this.#traces[1].constants.get(otherId)];
    if (first === undefined || second === undefined) throw differing('tensors from outside');
    const { shape, type, values } = first;
    if (String(shape) !== String(second.shape) || type !== second.type) throw differing('shapes of constants');
    if (values.every((value, place) => value === second.values[place])) {
      const attributes = new Map([
        ['dtype', typeAttribute(type)],
        ['value', tensorAttribute(type, shape, values)],
      ]);
      const name = `constant_${this.nodes.length}`;
      this.nodes.push({ name, operation: 'Const', inputs: [], attributes });
      return name;
    }
    if (type !== this.#binding.TF_INT32 || shape.length !== 1) throw differing('values of constants');
    const sizes = [this.#traces[0].sizes, this.#traces[1].sizes] as const;
    const products = Array.from(values, (value, place) => findProduct([value, second.values[place]!], sizes));
    const key = JSON.stringify(products);
    let name = this.#shapeNames.get(key);
    if (name === undefined) {
      name = this.#placeholder(`shape_${this.shapes.length}`, type);
      this.shapes.push(products);
      this.#shapeNames.set(key, name);
    }
    return name;
  }

  #placeholder(name: string, type: number): string {
    this.nodes.push({
      name,
      operation: 'Placeholder',
      inputs: [],
      attributes: new Map([['dtype', typeAttribute(type)]]),
    });
    return name;
  }

  #inputType(index: number): number {
    return this.#traces[0].inputTypes[index] === 'int32' ? this.#binding.TF_INT32 : this.#binding.TF_FLOAT;
  }
}

function differing(what: string): RangeError {
  return new RangeError(`graph: ${what} must be the same for batches of all sizes, got two kinds; run it as it is`);
}
