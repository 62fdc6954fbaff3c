import type { ArtifactReference } from '../contracts/references.ts';
import type { GradientsConfig } from '../contracts/config.ts';
import { ArtifactMismatchError } from '../contracts/failures.ts';
import { readManifest } from '../store/artifacts.ts';
import type { ArtifactManifest } from '../store/artifacts.ts';
import { gradientSchema } from '../store/schemas.ts';
import type { Store } from '../store/store.ts';
import { readTable } from '../store/tables.ts';
import type { TableBatch } from '../store/tables.ts';
import { RowLookup } from './row-lookup.ts';

/** What a gradient artifact says about itself. */
export interface GradientDetails {
  /** Width k of the stored gradients. */
  sketch: number;
  storage: GradientsConfig['storage'];
  parameterCount: number;
  quarantined: { reason: string; count: number }[];
}

/** One batch of the gradient table with gradients decoded to float32, `[example, sketch]` flat. */
export interface GradientBatch {
  batch: TableBatch;
  /** As the dataset has them now; null where the dataset has the row no more. */
  tasks: (string | null)[];
  rowIndex: Uint32Array;
  /** Null where the row is usable. */
  reasons: (string | null)[];
  gradient: Float32Array;
}

/** Gradient tables that can be streamed as often as needed, as one. */
export interface GradientTable {
  /** Width k of the stored gradients. */
  sketch: number;
  batches(): AsyncGenerator<GradientBatch>;
}

/**
 * Opens gradient artifacts and joins them with the dataset's rows by content: a row of the tables has the task and place
 * that the dataset gives it now. Batches come table by table, shard by shard, in order; memory is one batch and 50 bytes
 * a row.
 *
 * @throws ArtifactMismatchError where the tables have other projections
 */
export async function openGradientTable(
  store: Store,
  rows: ArtifactReference,
  references: readonly ArtifactReference[],
): Promise<GradientTable> {
  const lookup = await RowLookup.read(store, rows);
  const tables: { uri: string; manifest: ArtifactManifest; details: GradientDetails }[] = [];
  for (const reference of references) {
    const manifest = await readManifest(store, reference);
    tables.push({ uri: reference.uri, manifest, details: manifest.details as unknown as GradientDetails });
  }
  const { sketch } = tables[0]!.details;
  const other = tables.find(({ details }) => details.sketch !== sketch);
  if (other !== undefined) {
    throw new ArtifactMismatchError(
      `${other.uri}: sketch must be ${sketch}, got ${other.details.sketch}; use another store`,
    );
  }
  const batches = async function* (): AsyncGenerator<GradientBatch> {
    const take = lookup.taker();
    for (const { uri, manifest, details } of tables) {
      const schema = gradientSchema(details.sketch, details.storage);
      for (const file of manifest.files) {
        for await (const batch of readTable(store, uri, file, schema)) yield join(batch, sketch, lookup, take);
      }
    }
  };
  return { sketch, batches };
}

function join(
  batch: TableBatch,
  sketch: number,
  lookup: RowLookup,
  take: ReturnType<RowLookup['taker']>,
): GradientBatch {
  const hashes = batch.bytes('content_hash');
  const tasks: (string | null)[] = [];
  const rowIndex = new Uint32Array(batch.rowCount);
  for (let row = 0; row < batch.rowCount; row += 1) {
    const position = take(hashes, row * 32);
    tasks.push(position < 0 ? null : lookup.task(position));
    rowIndex[row] = position < 0 ? 0 : lookup.rowIndex(position);
  }
  const stored = batch.list('gradient');
  const gradient = stored instanceof Float32Array ? stored : decode(stored, batch.float64('gradient_scale'), sketch);
  return { batch, tasks, rowIndex, reasons: batch.strings('reason'), gradient };
}

function decode(codes: Int8Array, scales: Float64Array, sketch: number): Float32Array {
  const values = new Float32Array(codes.length);
  for (let row = 0; row < scales.length; row += 1) {
    for (let place = row * sketch; place < (row + 1) * sketch; place += 1) values[place] = codes[place]! * scales[row]!;
  }
  return values;
}
