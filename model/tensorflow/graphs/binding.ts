// The native library's addon behind tfjs, as far as graphs need it.
import * as tf from '@tensorflow/tfjs';

/** An attribute of an operation. */
export interface OperationAttribute {
  name: string;
  /** One of the addon's `TF_ATTR_…`. */
  type: number;
  value: boolean | number | string | readonly number[];
}

/** A tensor that the addon has made. */
interface MadeTensor {
  id: number;
}

/** Calls of the addon. Tensors are known by ids, which are never given twice. */
export interface Binding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  executeOp(name: string, attributes: OperationAttribute[], inputs: number[], outputCount: number): MadeTensor[];
  createTensor(shape: readonly number[], type: number, values: HostValues): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): HostValues;
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(id: number): void;
  /** @param inputNames names with `:` and the output's number, joined by commas, as `outputNames` */
  runSavedModel(id: number, inputs: number[], inputNames: string, outputNames: string): MadeTensor[];
}

/** Values of a tensor in the host's memory. */
export type HostValues = Float32Array | Int32Array | Uint8Array;

/** tfjs's backend over the addon. */
export interface NativeBackend {
  binding: Binding;
  isUsingGpuDevice: boolean;
  /** Ids of tensors, whose values lie with the library from then on. */
  getInputTensorIds(tensors: readonly tf.Tensor[]): number[];
}

/** The native library on the CPU; null where another backend is active, or a GPU computes. */
export function nativeCpu(): NativeBackend | null {
  if (tf.getBackend() !== 'tensorflow') return null;
  const native = tf.backend() as unknown as NativeBackend;
  return native.isUsingGpuDevice ? null : native;
}
