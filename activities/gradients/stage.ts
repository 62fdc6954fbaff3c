// Stage gradients: rows and reference model → the gradient table, shard by shard.
import { sketchWidth } from '../../algorithms/projection.ts';
import type {
  CloseGradientsInput,
  GradientShard,
  GradientShardInput,
  GradientsInput,
  GradientsPlan,
  GradientsResult,
} from '../../contracts/messages/gradients.ts';
import { sumByReason } from '../../contracts/reasons.ts';
import { gradientLayout } from '../../model/adapter.ts';
import { readMoments } from '../../model/adam-moments.ts';
import { checkpointFile, readAdapter } from '../../model/adapter-files.ts';
import { sha256 } from '../../store/addresses.ts';
import { verifiedFolder } from '../../store/artifacts.ts';
import type { GradientDetails } from '../../tables/gradients.ts';
import { readRowsDetails, readShardCount } from '../../tables/rows.ts';
import { examplesOf } from '../shared/compute-context.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { keepBeating, openPulse, startPulse } from '../shared/heartbeat.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { memoryFacts, recomputationNotes } from '../shared/memory-plan.ts';
import { finishOutput } from '../shared/stage-output.ts';
import { openEarlierLosses } from './earlier-losses.ts';
import { createShardParts } from './parts.ts';
import {
  adapterOf,
  findTable,
  gradientPlace,
  isPreconditioned,
  projectionOf,
  requireSameEngine,
  requireSpace,
} from './table-place.ts';
import { closeShard, computeParts, finishedShard, removeFinishedParts, shardFolder, widthOf } from './shard.ts';
import { describeNext, readMicroBatches } from './micro-batches.ts';

export function createGradientActivities({ openStore, models }: ComputeDependencies) {
  return {
    /** Address of the table, and the table itself where it is complete. */
    async planGradients(input: GradientsInput): Promise<GradientsPlan> {
      startPulse('gradients', 'plan');
      const { config, rows } = input;
      const store = openStore(config.store.uri);
      const place = await gradientPlace(input, models);
      const workId = sha256(`${store.uri}\0${place.address}`).slice(0, 40);
      const shardCount = await readShardCount(store, rows);
      const finished = await findTable(store, place);
      const { fallbackReason } = await models.engine(config.model);
      const warnings = fallbackReason === null ? [] : [fallbackReason];
      if (finished === null) {
        await requireSpace(store, input, models);
        const { largestBatch } = await readRowsDetails(store, rows);
        if (largestBatch !== undefined)
          warnings.push(...recomputationNotes(await memoryFacts(config, models, ['gradients']), largestBatch));
      }
      return { address: place.address, workId, shardCount, finished, warnings };
    },

    /** Computes one shard, going on after the micro-batches that an earlier attempt has finished. */
    async computeGradientShard(input: GradientShardInput): Promise<GradientShard> {
      const { config, rows, address, shard, shardCount } = input;
      const pulse = openPulse('gradients', models.pace('gradients'));
      const store = openStore(config.store.uri);
      const known = await finishedShard(store, input);
      if (known !== null) return known;
      await requireSameEngine(input, address, models);
      const batches = await readMicroBatches(store, rows, shard);
      const parts = createShardParts(store, shardFolder(input));
      const done = await parts.done();
      pulse.requireProgress(`shard ${shard + 1} of ${shardCount}`, () => describeNext(batches, done));
      const model = await models.model(config, () => pulse.breathe());
      // Once for all that is read of it: hashing takes a second a gigabyte.
      const folder = await verifiedFolder(store, input.adapter);
      const { step } = input;
      const adapter = await readAdapter(
        folder,
        model.decoder.layers,
        step === undefined ? undefined : checkpointFile(step),
      );
      const moments = isPreconditioned(config) ? await readMoments(folder, adapter, step) : null;
      const dataset = await keepBeating(pulse, localDataset(openStore, config.dataset, rows));
      const source = await examplesOf(config, dataset, model, models);
      const earlier = await openEarlierLosses(store, input, model, folder);
      const computer = model.openGradients(adapter, projectionOf(config), moments);
      const { storage } = config.gradients;
      try {
        const keys = await computeParts({ computer, earlier, storage }, batches, source, parts, pulse);
        return await closeShard(store, input, computer.sketch, parts, keys);
      } finally {
        computer.dispose();
        earlier?.dispose();
        await source.close();
        await removeFinishedParts(store, input);
      }
    },

    /** Makes the shards one artifact. */
    async closeGradients(input: CloseGradientsInput): Promise<GradientsResult> {
      startPulse('gradients', 'close');
      const { config, address, shards } = input;
      const store = openStore(config.store.uri);
      const { length: parameterCount } = gradientLayout(await adapterOf(store, input, models));
      const quarantined = sumByReason(shards.flatMap((shard) => shard.quarantined));
      const sketch = sketchWidth(projectionOf(config), parameterCount);
      const details: GradientDetails = { ...widthOf(config, sketch), parameterCount, quarantined };
      const place = { ...(await gradientPlace(input, models)), address };
      const files = shards.map(({ file }) => file);
      const { reference: gradients } = await finishOutput(store, place, { files, details });
      return { gradients, reused: [], parameterCount, quarantined, cached: false };
    },
  };
}
