// What a piece of tfjs code has the native library do, operation by operation.
import type { Binding, HostValues, NativeBackend, OperationAttribute } from './binding.ts';

/** An operation that ran. */
export interface RecordedOperation {
  name: string;
  attributes: readonly OperationAttribute[];
  /** Ids of tensors. */
  inputs: readonly number[];
  outputs: readonly number[];
}

/** A tensor that the code made of values of its own. */
export interface RecordedConstant {
  shape: readonly number[];
  type: number;
  values: HostValues;
}

/** All that ran, and the constants that it took. */
export interface Recording {
  operations: RecordedOperation[];
  /** By id. */
  constants: Map<number, RecordedConstant>;
}

/** Runs the code and notes what it asks of the library, which does it as always. */
export function record<Result>(backend: NativeBackend, code: () => Result): { result: Result; recording: Recording } {
  const { binding } = backend;
  const recording: Recording = { operations: [], constants: new Map() };
  backend.binding = noting(binding, recording);
  try {
    return { result: code(), recording };
  } finally {
    backend.binding = binding;
  }
}

/** The addon's calls and numbers with notes of them: its object takes no other properties. */
function noting(binding: Binding, { operations, constants }: Recording): Binding {
  const inherited = Object.fromEntries(
    Object.getOwnPropertyNames(binding).map((name) => [name, binding[name as keyof Binding]]),
  ) as unknown as Binding;
  return {
    ...inherited,
    executeOp: (name, attributes, inputs, outputCount) => {
      const made = binding.executeOp(name, attributes, inputs, outputCount);
      operations.push({ name, attributes, inputs: [...inputs], outputs: made.map(({ id }) => id) });
      return made;
    },
    createTensor: (shape, type, values) => {
      const id = binding.createTensor(shape, type, values);
      constants.set(id, { shape: [...shape], type, values: values.slice() });
      return id;
    },
  };
}
