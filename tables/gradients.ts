// The gradient table: every usable row's loss, norms and projected gradient, in one file a shard.
import type { GradientsConfig } from '../contracts/config.ts';
import { ArtifactMismatchError } from '../contracts/failures.ts';
import type { Reason } from '../contracts/reasons.ts';
import type { ArtifactReference, FileReference } from '../contracts/references.ts';
import { detailsOf, readDetails, readManifest } from '../store/artifacts.ts';
import type { Store } from '../store/store.ts';
import { float32List, float64, hash, optionalText, text, uint32, vector } from './columns.ts';
import type { Column } from './columns.ts';
import type { RowLookup } from './row-lookup.ts';
import { readTable, writeTable } from './table.ts';
import type { Batches, Rows, Table } from './table.ts';

/** Width k of the stored gradients, as what they are stored, and what stands beside them. */
export interface GradientWidth {
  sketch: number;
  storage: GradientsConfig['storage'];
  /** Checkpoints of the warm-up at which every row's loss was taken; not there: none, and there is no such column. */
  trajectory?: number;
}

/** What a gradient artifact says about itself. */
export interface GradientDetails extends GradientWidth {
  parameterCount: number;
  quarantined: { reason: Reason; count: number }[];
}

/**
 * What a gradient artifact says about itself, from its manifest: no row is read.
 * @throws DamagedArtifactError where the manifest is not the one referred to
 */
export function readGradientDetails(store: Store, gradients: ArtifactReference): Promise<GradientDetails> {
  return readDetails<GradientDetails>(store, gradients);
}

const columnsOf = ({ sketch, storage }: Pick<GradientWidth, 'sketch' | 'storage'>) => ({
  rowIndex: uint32,
  contentHash: hash,
  task: text,
  loss: float64,
  supervisedTokenCount: uint32,
  /** ℓ2 norm of the whole gradient, before projection; of the plain one where the stored one is scaled by moments. */
  gradientNorm: float64,
  el2n: float64,
  /** `[row, sketch]` of float32, or of int8 with value = gradientScale × stored. */
  gradient: vector(sketch, storage),
  gradientScale: float64,
  /** Why the row cannot be used; null where it can. */
  reason: optionalText,
});

// No interface, which could have other keys added to it and so is no set of columns.
type TrajectoryColumn = {
  /** `[row, checkpoint]` mean loss over the supervised tokens at each checkpoint, in nats; the last is `loss`. */
  lossTrajectory?: Column<Float32Array>;
};

type GradientColumns = ReturnType<typeof columnsOf> & TrajectoryColumn;

/** Rows of the gradient table: gradients `[row, sketch]`, losses at checkpoints `[row, checkpoint]`, others `[row]`. */
export type GradientRows = Rows<GradientColumns>;

/** Names of the columns in memory that every table has. */
export const GRADIENT_COLUMNS: readonly string[] = Object.keys(columnsOf({ sketch: 1, storage: 'float32' }));

function tableOf(width: GradientWidth): Table<GradientColumns> {
  const { trajectory = 0 } = width;
  const beside: TrajectoryColumn = trajectory === 0 ? {} : { lossTrajectory: float32List(trajectory) };
  return { kind: 'gradients', columns: { ...columnsOf(width), ...beside } };
}

/** Where a shard's file lies, and what it says of itself. */
export interface ShardPlace {
  folder: string;
  address: string;
  shard: number;
  shardCount: number;
}

/** Writes one shard. */
export function writeGradientShard(
  store: Store,
  { folder, address, shard, shardCount }: ShardPlace,
  width: GradientWidth,
  batches: Batches<GradientColumns>,
): Promise<FileReference> {
  const name = `gradients-${fiveDigits(shard)}-of-${fiveDigits(shardCount)}.arrow`;
  const metadata = { 'tive.address': address, 'tive.shard': `${shard}/${shardCount}` };
  return writeTable(store, folder, name, tableOf(width), batches, metadata);
}

function fiveDigits(value: number): string {
  return String(value).padStart(5, '0');
}

/** One shard of a gradient table. */
export interface GradientFile extends Omit<GradientWidth, 'sketch'> {
  /** Folder of the artifact. */
  uri: string;
  file: FileReference;
}

/** Gradient artifacts as one table: table by table, shard by shard, in order. */
export interface GradientTable {
  /** Width k of the stored gradients. */
  sketch: number;
  /** Losses at checkpoints that every row has; not there: none. */
  trajectory?: number;
  files: GradientFile[];
}

/** @throws ArtifactMismatchError where the artifacts have other projections */
export async function openGradientTable(
  store: Store,
  references: readonly ArtifactReference[],
): Promise<GradientTable> {
  let first: GradientDetails | null = null;
  const files: GradientFile[] = [];
  for (const reference of references) {
    const manifest = await readManifest(store, reference);
    const own = detailsOf<GradientDetails>(manifest);
    first ??= own;
    for (const key of ['sketch', 'trajectory'] as const) {
      if (first[key] === own[key]) continue;
      throw new ArtifactMismatchError(
        `${reference.uri}: ${key} must be ${first[key] ?? 0}, got ${own[key] ?? 0}; use another store`,
      );
    }
    const { storage, trajectory } = own;
    const width = trajectory === undefined ? { storage } : { storage, trajectory };
    files.push(...manifest.files.map((file) => ({ uri: reference.uri, file, ...width })));
  }
  const { sketch, trajectory } = first!;
  return trajectory === undefined ? { sketch, files } : { sketch, trajectory, files };
}

/** Batches of the table, or of a part of it, in order. */
export async function* readGradients(store: Store, { sketch, files }: GradientTable): AsyncGenerator<GradientRows> {
  for (const { uri, file, ...width } of files) yield* readTable(store, uri, file, tableOf({ sketch, ...width }));
}

/** A batch of the table, with what a dataset has of its rows. */
export interface JoinedGradients {
  batch: GradientRows;
  /** [row] position of the row in the lookup, or −1 where the dataset does not have it. */
  positions: Int32Array;
}

/** Batches of the table joined with a dataset by content: tables of earlier runs number their rows otherwise. */
export async function* joinGradients(
  store: Store,
  table: GradientTable,
  lookup: RowLookup,
): AsyncGenerator<JoinedGradients> {
  const take = lookup.taker();
  for await (const batch of readGradients(store, table)) {
    const positions = Int32Array.from({ length: batch.rowCount }, (_, row) => take(batch.contentHash, row));
    yield { batch, positions };
  }
}
