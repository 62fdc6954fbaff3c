// Losses of rows at the checkpoints of the warm-up before its end: forward passes alone.
import type { Config } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { GradientsInput } from '../../contracts/messages/gradients.ts';
import { checkpointFile, readAdapter } from '../../model/adapter-files.ts';
import type { EngineModel, ModelExample, Scorer } from '../../model/engine.ts';
import { readDetails } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import type { AdapterDetails } from '../../tables/training.ts';

/** What scores rows at earlier checkpoints. */
export interface EarlierLosses {
  /** Of each checkpoint before the end, in order: `[example]` mean loss over the supervised tokens, in nats. */
  score(examples: readonly ModelExample[]): Promise<Float64Array[]>;
  dispose(): void;
}

/** Checkpoints whose losses a config asks for, the end included. */
export function trajectoryOf({ warmup }: Pick<Config, 'warmup'>): number {
  return warmup.trajectory ?? 0;
}

/**
 * Opens the earlier checkpoints of the reference model; null where no losses are asked for.
 * @param folder of the adapter's files, of this machine
 * @throws InvalidConfigError where the adapter was not trained with so many checkpoints
 */
export async function openEarlierLosses(
  store: Store,
  { config, adapter }: Pick<GradientsInput, 'config' | 'adapter'>,
  model: EngineModel,
  folder: string,
): Promise<EarlierLosses | null> {
  const wanted = trajectoryOf(config);
  if (wanted === 0) return null;
  const { trajectory = [] } = await readDetails<AdapterDetails>(store, adapter);
  if (trajectory.length !== wanted)
    throw new InvalidConfigError(
      `warmup.trajectory: the reference model must have ${wanted} checkpoints, got ${trajectory.length}; ` +
        'an adapter that was given has none, nor has the model of a round: set it to 0',
    );
  const scorers: Scorer[] = [];
  for (const step of trajectory.slice(0, -1))
    scorers.push(model.openScoring(await readAdapter(folder, model.decoder.layers, checkpointFile(step))));
  return {
    score: async (examples) => {
      const losses: Float64Array[] = [];
      for (const scorer of scorers) losses.push(Float64Array.from(await scorer.score(examples), ({ loss }) => loss));
      return losses;
    },
    dispose: () => scorers.forEach((scorer) => scorer.dispose()),
  };
}
