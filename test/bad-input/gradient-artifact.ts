import type { ArtifactReference } from '../../contracts/references.ts';
import { artifactFolder, stageAddress } from '../../store/addresses.ts';
import type { Json } from '../../store/addresses.ts';
import { finishArtifact } from '../../store/artifacts.ts';
import { LocalStore } from '../../store/local-store.ts';
import { gradientSchema } from '../../tables/schemas.ts';
import { writeTable } from '../../tables/arrow-file.ts';
import type { World } from './world.ts';

/** The world's store. */
export const storeOf = (world: World): LocalStore => new LocalStore(world.path('store'));

/** A gradient table of rows with these losses and contents; those that are no number are set aside. */
export async function gradientArtifact(
  world: World,
  sketch: number,
  losses: number[],
  contentHash = new Uint8Array(32 * losses.length),
) {
  const determinants = { sketch, losses: losses.map(String) };
  const address = stageAddress('gradients', determinants);
  const rowCount = losses.length;
  const columns = {
    row_index: Uint32Array.from(losses.keys()),
    content_hash: contentHash,
    task: losses.map(() => 'qa'),
    loss: Float64Array.from(losses),
    supervised_token_count: new Uint32Array(rowCount).fill(118),
    gradient_norm: new Float64Array(rowCount).fill(1),
    el2n: new Float64Array(rowCount).fill(1),
    gradient: new Float32Array(rowCount * sketch).fill(1),
    gradient_scale: new Float64Array(rowCount).fill(1),
    reason: losses.map((loss) => (Number.isNaN(loss) ? 'loss_not_finite' : null)),
  };
  const folder = artifactFolder('gradients', address);
  const file = await writeTable(storeOf(world), folder, 'gradients.arrow', gradientSchema(sketch, 'float32'), [
    { rowCount, columns },
  ]);
  const quarantined = [{ reason: 'loss_not_finite', count: losses.filter(Number.isNaN).length }];
  const details = { sketch, storage: 'float32', parameterCount: 99, quarantined } as unknown as Json;
  const content = { determinants, files: [file], rowCount, details };
  const gradients: ArtifactReference = await finishArtifact(storeOf(world), 'gradients', address, content);
  return { gradients, reused: [], quarantined };
}
