import { createHash } from 'node:crypto';
import type { MethodColumns, QueryColumn } from '../../contracts/methods.ts';
import type { SelectableRows } from '../../algorithms/selectors/select-rows.ts';

/** One row of a table under test; the content stands for its dialogue and picture. */
export interface ExampleRow {
  content: string;
  rowIndex: number;
  taskIndex?: number;
  instanceValue?: number;
  gradientNorm?: number;
  loss?: number;
  supervisedTokenCount?: number;
  el2n?: number;
  cluster?: number;
  trajectoryCluster?: number;
  affinity?: readonly number[];
  subspaceAffinity?: readonly number[];
}

/** Columns that the tests read, all there. */
interface TestRows extends SelectableRows {
  columns: MethodColumns;
}

/** Columns of rows, content hash = SHA-256 of the content. */
export function toColumns(rows: readonly ExampleRow[]): TestRows {
  const contentHash = new Uint8Array(rows.length * 32);
  rows.forEach(({ content }, position) => {
    contentHash.set(createHash('sha256').update(content).digest(), position * 32);
  });
  return {
    contentHash,
    rowIndex: Uint32Array.from(rows, ({ rowIndex }) => rowIndex),
    taskIndex: Uint32Array.from(rows, ({ taskIndex }) => taskIndex ?? 0),
    columns: {
      instance_value: Float64Array.from(rows, ({ instanceValue }) => instanceValue ?? 0),
      gradient_norm: Float64Array.from(rows, ({ gradientNorm }) => gradientNorm ?? 0),
      loss: Float64Array.from(rows, ({ loss }) => loss ?? 0),
      supervised_token_count: Uint32Array.from(rows, ({ supervisedTokenCount }) => supervisedTokenCount ?? 0),
      el2n: Float64Array.from(rows, ({ el2n }) => el2n ?? 0),
      cluster: Uint32Array.from(rows, ({ cluster }) => cluster ?? 0),
      trajectory_cluster: Uint32Array.from(rows, ({ trajectoryCluster }) => trajectoryCluster ?? 0),
      affinity: queryColumn(rows.map(({ affinity }) => affinity ?? [0])),
      subspace_affinity: queryColumn(rows.map(({ subspaceAffinity }) => subspaceAffinity ?? [0])),
    },
  };
}

function queryColumn(rows: readonly (readonly number[])[]): QueryColumn {
  return { groupCount: rows[0]?.length ?? 0, values: Float32Array.from(rows.flat()) };
}

export function allPositions(columns: SelectableRows): Uint32Array {
  return Uint32Array.from(columns.rowIndex.keys());
}
