// The values table: what every usable row of the eligible tasks is worth, and the task values beside it.
import type { InstanceValueKind } from '../contracts/config.ts';
import type { TaskValue } from '../contracts/messages/values.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { readDetails } from '../store/artifacts.ts';
import type { Store } from '../store/store.ts';
import { float64, hash, text, uint32 } from './columns.ts';
import { fileTable } from './table.ts';
import type { Rows } from './table.ts';

const COLUMNS = {
  rowIndex: uint32,
  contentHash: hash,
  task: text,
  loss: float64,
  supervisedTokenCount: uint32,
  gradientNorm: float64,
  el2n: float64,
  meanOfCosines: float64,
  cosineToMean: float64,
} as const;

/** Usable rows of the eligible tasks with both instance values, each in [−1, 1]; columns `[row]`. */
export type ValuesBatch = Rows<typeof COLUMNS>;

/** Reads and writes {@link ValuesBatch}. */
export const valuesTable = fileTable('values', COLUMNS);

/** The instance values of a kind. */
export function instanceValues(
  { meanOfCosines, cosineToMean }: Pick<ValuesBatch, 'meanOfCosines' | 'cosineToMean'>,
  kind: InstanceValueKind,
): Float64Array {
  return kind === 'mean_of_cosines' ? meanOfCosines : cosineToMean;
}

/** What the artifact says beside its table. */
export interface ValuesDetails {
  tasks: TaskValue[];
  warnings: string[];
}

/**
 * The task values and warnings of a values artifact, from its manifest: no row is read.
 * @throws DamagedArtifactError where the manifest is not the one referred to
 */
export function readValuesDetails(store: Store, values: ArtifactReference): Promise<ValuesDetails> {
  return readDetails<ValuesDetails>(store, values);
}
