// Where a gradient table lies, what determines it, and whether there is room for it.
import { sketchWidth } from '../../algorithms/projection.ts';
import type { Config } from '../../contracts/config.ts';
import { ArtifactMismatchError, InvalidConfigError } from '../../contracts/failures.ts';
import type { GradientsInput, GradientsResult } from '../../contracts/messages/gradients.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import { gradientLayout } from '../../model/adapter.ts';
import type { AdapterValues } from '../../model/adapter.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import type { ProjectionSettings } from '../../model/engine.ts';
import { canonicalJson } from '../../store/addresses.ts';
import { verifiedFolder } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import type { GradientDetails } from '../../tables/gradients.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { modelFingerprint } from '../shared/fingerprints.ts';
import { findOutput, outputPlace } from '../shared/stage-output.ts';
import type { OutputPlace } from '../shared/stage-output.ts';
import { trajectoryOf } from './earlier-losses.ts';

/** What a gradient table is determined by. */
export async function gradientDeterminants(
  { config, rows, adapter, step }: GradientsInput,
  models: ComputeDependencies['models'],
) {
  const { description: engine } = await models.engine(config.model);
  return {
    rows: rows.sha256,
    adapter: adapter.sha256,
    ...(step === undefined ? {} : { step }),
    model: await modelFingerprint(config.model.path),
    ...settingsOf('gradients', config),
    engine: { ...engine },
  };
}

/** Where the table lies. */
export async function gradientPlace(
  input: GradientsInput,
  models: ComputeDependencies['models'],
): Promise<OutputPlace> {
  return outputPlace('gradients', await gradientDeterminants(input, models));
}

/** The table that an earlier run has completed, or null. */
export async function findGradients(
  store: Store,
  input: GradientsInput,
  models: ComputeDependencies['models'],
): Promise<GradientsResult | null> {
  return findTable(store, await gradientPlace(input, models));
}

/** The table at a place where it is complete, or null. */
export async function findTable(store: Store, place: OutputPlace): Promise<GradientsResult | null> {
  const found = await findOutput<GradientDetails>(store, place);
  if (found === null) return null;
  const { parameterCount, quarantined } = found.details;
  return { gradients: found.reference, reused: [], parameterCount, quarantined, cached: true };
}

/** Bytes of a table of so many rows, about. */
export function tableBytes(config: Config, parameterCount: number, rowCount: number): number {
  const width = sketchWidth(projectionOf(config), parameterCount);
  const losses = 4 * trajectoryOf(config);
  return rowCount * (width * (config.gradients.storage === 'int8' ? 1 : 4) + losses + ROW_BYTES);
}

/** Bytes of a row of the table beside its gradient, about. */
const ROW_BYTES = 128;

/** The table must fit beside its finished micro-batches, which are removed shard by shard. */
export async function requireSpace(
  store: Store,
  input: GradientsInput,
  models: ComputeDependencies['models'],
): Promise<void> {
  const { length: parameterCount } = gradientLayout(await adapterOf(store, input, models));
  const wanted = tableBytes(input.config, parameterCount, input.rows.rowCount);
  const free = await store.freeBytes();
  if (free === null || free >= wanted) return;
  const size = (bytes: number): string =>
    bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
  throw new InvalidConfigError(
    `store: ${size(wanted)} must be free, got ${size(free)}; free space, or lower gradients.sketch, or storage: int8`,
  );
}

/** @throws ArtifactMismatchError on a worker whose engine gives other bits than the one that planned the table */
export async function requireSameEngine(
  input: GradientsInput,
  address: string,
  models: ComputeDependencies['models'],
): Promise<void> {
  const here = await gradientDeterminants(input, models);
  if (outputPlace('gradients', here).address === address) return;
  const { engine } = here;
  throw new ArtifactMismatchError(
    `gradients: all compute workers must have the same engine and model, got ${canonicalJson(engine)} here; ` +
      'set ONEDNN_MAX_CPU_ISA to the lowest common level and use one model folder',
  );
}

/** The reference model behind its reference. */
export async function adapterOf(
  store: Store,
  { config, adapter }: GradientsInput,
  models: ComputeDependencies['models'],
): Promise<AdapterValues> {
  const { decoder } = await models.describe(config.model);
  return readAdapter(await verifiedFolder(store, adapter), decoder.layers);
}

/** Whether stored gradients are scaled by the moments of the warm-up. */
export function isPreconditioned({ gradients }: Pick<Config, 'gradients'>): boolean {
  return gradients.preconditioner === 'adam';
}

/** How the config projects gradients. */
export function projectionOf({ gradients }: Config): ProjectionSettings {
  const { projection: kind, sketch, projectionSeed: seed } = gradients;
  return { kind, sketch, seed };
}
