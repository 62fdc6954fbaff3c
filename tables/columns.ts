// Kinds of columns: how a column's values lie in memory, and as what they stand in an Arrow file.
import { Bool, FixedSizeBinary, FixedSizeList, Float32, Float64, Int64, Int8, Uint32, Utf8, Field } from 'apache-arrow';
import type { DataType } from 'apache-arrow';
import { HASH_BYTES } from './hash-column.ts';

/** Values of one column: typed arrays for numbers, 32 bytes a row for hashes, `[row, sketch]` flat for lists. */
export type ColumnValues =
  | Uint32Array
  | Float64Array
  | BigInt64Array
  | Float32Array
  | Int8Array
  | Uint8Array
  | readonly (string | null)[]
  | readonly (boolean | null)[]
  | readonly (number | null)[];

/** One column of a table. */
export interface Column<Values extends ColumnValues> {
  type: DataType;
  nullable: boolean;
  /** How the values of a batch are got: as a view on its bytes, flat from a list, or one object a row. */
  access: 'view' | 'list' | 'objects';
  /** Holds the type of the values; nothing is there. */
  values?: Values;
}

/** Whole numbers in [0, 2^32): counts and indices. */
export const uint32: Column<Uint32Array> = { type: new Uint32(), nullable: false, access: 'view' };

/** Numbers in double precision. */
export const float64: Column<Float64Array> = { type: new Float64(), nullable: false, access: 'view' };

/** Whole numbers above 2^32: places in files, in bytes. */
export const int64: Column<BigInt64Array> = { type: new Int64(), nullable: false, access: 'view' };

/** True or false. */
export const boolean: Column<readonly boolean[]> = { type: new Bool(), nullable: false, access: 'objects' };

/** Texts, one a row. */
export const text: Column<readonly string[]> = { type: new Utf8(), nullable: false, access: 'objects' };

/** Texts that a row may lack: null. */
export const optionalText: Column<readonly (string | null)[]> = { type: new Utf8(), nullable: true, access: 'objects' };

/** True, false, or null. */
export const optionalBoolean: Column<readonly (boolean | null)[]> = {
  type: new Bool(),
  nullable: true,
  access: 'objects',
};

/** Numbers in double precision that a row may lack: null. */
export const optionalNumber: Column<readonly (number | null)[]> = {
  type: new Float64(),
  nullable: true,
  access: 'objects',
};

/** A SHA-256, flat `[row, 32]`. */
export const hash: Column<Uint8Array> = { type: new FixedSizeBinary(HASH_BYTES), nullable: false, access: 'view' };

/** A vector of float32 a row, flat `[row, width]`. */
export function float32List(width: number): Column<Float32Array> {
  return { type: new FixedSizeList(width, new Field('item', new Float32(), false)), nullable: false, access: 'list' };
}

/** A vector a row, flat `[row, width]`. */
export function vector(width: number, storage: 'float32' | 'int8'): Column<Float32Array | Int8Array> {
  if (storage === 'float32') return float32List(width);
  return { type: new FixedSizeList(width, new Field('item', new Int8(), false)), nullable: false, access: 'list' };
}
