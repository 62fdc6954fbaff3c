import type { ArtifactReference } from '../contracts/references.ts';
import type { GradientsConfig } from '../contracts/config.ts';
import { readManifest } from '../store/artifacts.ts';
import type { ArtifactManifest } from '../store/artifacts.ts';
import { gradientSchema } from '../store/schemas.ts';
import type { Store } from '../store/store.ts';
import { readTable } from '../store/tables.ts';
import type { TableBatch } from '../store/tables.ts';

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
  tasks: (string | null)[];
  /** Null where the row is usable. */
  reasons: (string | null)[];
  gradient: Float32Array;
}

/** A gradient table that can be streamed as often as needed. */
export interface GradientTable {
  manifest: ArtifactManifest;
  details: GradientDetails;
  batches(): AsyncGenerator<GradientBatch>;
}

/** Opens a gradient artifact. Batches come shard by shard, in order; memory is one batch. */
export async function openGradientTable(store: Store, reference: ArtifactReference): Promise<GradientTable> {
  const manifest = await readManifest(store, reference);
  const details = manifest.details as unknown as GradientDetails;
  const schema = gradientSchema(details.sketch, details.storage);
  const batches = async function* (): AsyncGenerator<GradientBatch> {
    for (const file of manifest.files) {
      for await (const batch of readTable(store, reference.uri, file, schema)) {
        const stored = batch.list('gradient');
        const gradient =
          stored instanceof Float32Array ? stored : decode(stored, batch.float64('gradient_scale'), details.sketch);
        yield { batch, tasks: batch.strings('task'), reasons: batch.strings('reason'), gradient };
      }
    }
  };
  return { manifest, details, batches };
}

function decode(codes: Int8Array, scales: Float64Array, sketch: number): Float32Array {
  const values = new Float32Array(codes.length);
  for (let row = 0; row < scales.length; row += 1) {
    for (let place = row * sketch; place < (row + 1) * sketch; place += 1) values[place] = codes[place]! * scales[row]!;
  }
  return values;
}
