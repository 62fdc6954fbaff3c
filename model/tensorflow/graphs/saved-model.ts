// A graph as the bytes of TensorFlow's saved_model.pb, the one form in which the addon takes graphs.
import type { Binding, HostValues, OperationAttribute } from './binding.ts';

/** An operation of a graph. */
export interface GraphNode {
  name: string;
  operation: string;
  /** Names of nodes, behind `:` the output where it is not the first. */
  inputs: readonly string[];
  attributes: ReadonlyMap<string, Buffer>;
}

/** @see tensorflow/core/protobuf/saved_model.proto, meta_graph.proto; tensorflow/core/framework/graph.proto */
export function savedModel(nodes: readonly GraphNode[], tag: string): Buffer {
  const versions = message(4, [integer(1, PRODUCER), integer(2, OLDEST_CONSUMER)]);
  const graph = message(2, [...nodes.map(nodeOf), versions]);
  return Buffer.concat([integer(1, 1), message(2, [message(1, [text(4, tag)]), graph])]);
}

/** Version of graphs that is written, and the oldest that a reader must know: those of TensorFlow 2.9, 2022. */
const PRODUCER = 1087;
const OLDEST_CONSUMER = 12;

/** @see tensorflow/core/framework/node_def.proto */
function nodeOf({ name, operation, inputs, attributes }: GraphNode): Buffer {
  const pairs = [...attributes].map(([key, value]) => message(5, [text(1, key), bytes(2, value)]));
  return message(1, [text(1, name), text(2, operation), ...inputs.map((input) => text(3, input)), ...pairs]);
}

/** AttrValue of an operation that ran. @see tensorflow/core/framework/attr_value.proto */
export function attributeValue(binding: Binding, { name, type, value }: OperationAttribute): Buffer {
  if (type === binding.TF_ATTR_TYPE) return typeAttribute(Number(value));
  if (type === binding.TF_ATTR_INT && typeof value === 'number') return integer(3, value);
  if (type === binding.TF_ATTR_FLOAT && typeof value === 'number') return float(4, value);
  if (type === binding.TF_ATTR_BOOL) return integer(5, value === true ? 1 : 0);
  if (type === binding.TF_ATTR_STRING && typeof value === 'string') return text(2, value);
  throw new TypeError(`graph: attribute ${name} must be of a kind that graphs hold, got kind ${type}`);
}

/** AttrValue of a type. */
export function typeAttribute(type: number): Buffer {
  return integer(6, type);
}

/** AttrValue of a tensor. @see tensorflow/core/framework/tensor.proto */
export function tensorAttribute(type: number, shape: readonly number[], values: HostValues): Buffer {
  const sizes = message(
    2,
    shape.map((size) => message(2, [integer(1, size)])),
  );
  const content = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return message(8, [integer(1, type), sizes, bytes(4, content)]);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function float(field: number, value: number): Buffer {
  const coded = Buffer.alloc(4);
  coded.writeFloatLE(value);
  return Buffer.concat([varint(field * 8 + 5), coded]);
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(value.length), value]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

function message(field: number, parts: readonly Buffer[]): Buffer {
  return bytes(field, Buffer.concat(parts));
}

/** Seven bits a byte, the least first; negative numbers as 64 bits. */
function varint(value: number): Buffer {
  const coded: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) coded.push(Number(rest & 127n) | 128);
  coded.push(Number(rest));
  return Buffer.from(coded);
}
