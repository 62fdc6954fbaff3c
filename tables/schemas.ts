import {
  Bool,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Float64,
  Int64,
  Int8,
  Schema,
  Uint32,
  Utf8,
} from 'apache-arrow';
import type { DataType } from 'apache-arrow';
import { SCHEMA_VERSION } from '../contracts/references.ts';

/** The kinds of tables that are written. */
export type TableKind = 'rows' | 'gradients' | 'values' | 'selection' | 'outcomes' | 'training';

/** `micro_batch` and `shard` of a row that is not in the plan: quarantined. */
export const NO_BATCH = 0xffffffff;

const HASH_BYTES = 32;
const field = (name: string, type: DataType, nullable = false): Field => new Field(name, type, nullable);

/** Columns of every table but `gradients`, whose width depends on the sketch. */
const COLUMNS: Readonly<Record<Exclude<TableKind, 'gradients'>, () => Field[]>> = {
  rows: () => [
    field('row_index', new Uint32()),
    field('source_index', new Uint32()),
    field('byte_start', new Int64()),
    field('byte_end', new Int64()),
    field('id', new Utf8(), true),
    field('task', new Utf8(), true),
    field('image', new Utf8(), true),
    field('content_hash', new FixedSizeBinary(HASH_BYTES)),
    field('token_count', new Uint32()),
    field('image_token_count', new Uint32()),
    field('supervised_token_count', new Uint32()),
    field('truncated', new Bool()),
    field('micro_batch', new Uint32()),
    field('shard', new Uint32()),
    field('reason', new Utf8(), true),
  ],
  values: () => [
    field('row_index', new Uint32()),
    field('content_hash', new FixedSizeBinary(HASH_BYTES)),
    field('task', new Utf8()),
    field('loss', new Float64()),
    field('supervised_token_count', new Uint32()),
    field('gradient_norm', new Float64()),
    field('el2n', new Float64()),
    field('mean_of_cosines', new Float64()),
    field('cosine_to_mean', new Float64()),
  ],
  selection: () => [
    field('row_index', new Uint32()),
    field('content_hash', new FixedSizeBinary(HASH_BYTES)),
    field('task', new Utf8()),
    field('copies', new Uint32()),
    field('probability', new Float64()),
    field('rank', new Uint32()),
  ],
  outcomes: () => [
    field('row_index', new Uint32()),
    field('task', new Utf8()),
    field('loss', new Float64()),
    field('correct', new Bool()),
  ],
  training: () => [
    field('step', new Uint32()),
    field('learning_rate', new Float64()),
    field('loss', new Float64()),
    field('gradient_norm', new Float64()),
  ],
};

/** Schema of a table with its metadata (strings). */
export function tableSchema(kind: Exclude<TableKind, 'gradients'>, metadata: Record<string, string> = {}): Schema {
  return new Schema(COLUMNS[kind](), schemaMetadata(kind, metadata));
}

/** Schema of a gradient shard: `gradient` is `[sketch]` of float32, or of int8 with value = gradient_scale × stored. */
export function gradientSchema(
  sketch: number,
  storage: 'float32' | 'int8',
  metadata: Record<string, string> = {},
): Schema {
  const item = field('item', storage === 'int8' ? new Int8() : new Float32());
  const fields = [
    field('row_index', new Uint32()),
    field('content_hash', new FixedSizeBinary(HASH_BYTES)),
    field('task', new Utf8()),
    field('loss', new Float64()),
    field('supervised_token_count', new Uint32()),
    field('gradient_norm', new Float64()),
    field('el2n', new Float64()),
    field('gradient', new FixedSizeList(sketch, item)),
    field('gradient_scale', new Float64()),
    field('reason', new Utf8(), true),
  ];
  return new Schema(fields, schemaMetadata('gradients', metadata));
}

function schemaMetadata(kind: TableKind, metadata: Record<string, string>): Map<string, string> {
  return new Map([['tive.kind', kind], ['tive.schema_version', String(SCHEMA_VERSION)], ...Object.entries(metadata)]);
}
