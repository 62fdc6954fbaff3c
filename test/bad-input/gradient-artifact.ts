// A gradient table of a few rows.
import type { ArtifactReference } from '../../contracts/references.ts';
import { LocalStore } from '../../store/local-store.ts';
import { writeGradientShard } from '../../tables/gradients.ts';
import { makeArtifact } from '../tables/artifact.ts';
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
  const rowCount = losses.length;
  const batch = {
    rowCount,
    rowIndex: Uint32Array.from(losses.keys()),
    contentHash,
    task: losses.map(() => 'qa'),
    loss: Float64Array.from(losses),
    supervisedTokenCount: new Uint32Array(rowCount).fill(118),
    gradientNorm: new Float64Array(rowCount).fill(1),
    el2n: new Float64Array(rowCount).fill(1),
    gradient: new Float32Array(rowCount * sketch).fill(1),
    gradientScale: new Float64Array(rowCount).fill(1),
    reason: losses.map((loss) => (Number.isNaN(loss) ? 'loss_not_finite' : null)),
  };
  const store = storeOf(world);
  const width = { sketch, storage: 'float32' as const };
  const quarantined = [{ reason: 'loss_not_finite', count: losses.filter(Number.isNaN).length }];
  const gradients: ArtifactReference = await makeArtifact(
    store,
    'gradients',
    { sketch, losses: losses.map(String) },
    async (folder) => [
      await writeGradientShard(store, { folder, address: 'any', shard: 0, shardCount: 1 }, width, [batch]),
    ],
    { ...width, parameterCount: 99, quarantined },
  );
  return { gradients, reused: [], quarantined };
}
