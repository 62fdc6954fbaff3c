// Stage warmup: rows → a LoRA adapter tuned on a small sample, the reference model of all gradients.
import { trainingSchedule } from '../../algorithms/training-schedule.ts';
import { sampleWarmup, warmupRowCount } from '../../algorithms/warmup-sample.ts';
import type { Config, TrainingSchedule } from '../../contracts/config.ts';
import type { AdapterResult, TuneReferenceInput } from '../../contracts/messages/training.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import type { ModelDescription } from '../../model/engine.ts';
import { detailsOf, readManifest } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import { hashColumn } from '../../tables/hash-column.ts';
import { readTokenBudget, readUsableRows } from '../../tables/rows.ts';
import type { RowsDetails, UsableRow } from '../../tables/rows.ts';
import type { AdapterDetails } from '../../tables/training.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { modelFingerprint } from '../shared/fingerprints.ts';
import { isPreconditioned } from '../gradients/table-place.ts';
import { keepBeating, startPulse } from '../shared/heartbeat.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { findOutput, makeOutput, outputPlace } from '../shared/stage-output.ts';
import type { OutputPlace, WrittenOutput } from '../shared/stage-output.ts';
import { adapterResult, trainingDeterminants, tuneAdapter, writeAdapter } from './tune-adapter.ts';

export function createWarmupActivities({ openStore, models }: ComputeDependencies) {
  return {
    async tuneReference(input: TuneReferenceInput): Promise<AdapterResult> {
      const { config, rows } = input;
      const pulse = startPulse('warmup', 'training', models.pace('warmup'));
      const store = openStore(config.store.uri);
      const schedule = await referenceSchedule(store, input);
      const place = await referencePlace(input, schedule, models);
      const output = await makeOutput(store, place, async () => {
        if (config.model.adapter !== null)
          return importAdapter(store, place, config.model.adapter, await models.describe(config.model));
        const places = chooseRows(await readUsableRows(store, rows), config);
        const dataset = await keepBeating(pulse, localDataset(openStore, config.dataset, rows));
        const tokenBudget = await readTokenBudget(store, rows, config.gradients);
        const kept = { trajectory: config.warmup.trajectory ?? 0, keepsMoments: isPreconditioned(config) };
        const asked = { store, place, name: 'warmup', config, dataset, tokenBudget, schedule, places, ...kept, pulse };
        return tuneAdapter(asked, models);
      });
      return adapterResult(output, config.model.adapter === null ? schedule : null);
    },
  };
}

/** What the recipe leaves out follows from the rows that are tuned on. */
async function referenceSchedule(
  store: Store,
  { config: { warmup }, rows }: TuneReferenceInput,
): Promise<TrainingSchedule> {
  const { usableCount } = detailsOf<RowsDetails>(await readManifest(store, rows));
  return trainingSchedule(warmupRowCount(usableCount, warmup.fraction), warmup);
}

async function referencePlace(
  { config, rows }: TuneReferenceInput,
  schedule: TrainingSchedule,
  models: ComputeDependencies['models'],
): Promise<OutputPlace> {
  const { adapter, path } = config.model;
  if (adapter !== null)
    return outputPlace('warmup', { adapter: await modelFingerprint(adapter), model: await modelFingerprint(path) });
  const { description: engine } = await models.engine(config.model);
  return outputPlace('warmup', {
    rows: rows.sha256,
    ...settingsOf('warmup', { ...config, warmup: { ...config.warmup, ...schedule } }),
    ...(await trainingDeterminants(config, engine)),
  });
}

/** The reference model that an earlier run has tuned, or that was taken in for this one; else null. */
export async function findReference(
  store: Store,
  input: TuneReferenceInput,
  models: ComputeDependencies['models'],
): Promise<AdapterResult | null> {
  const schedule = await referenceSchedule(store, input);
  const found = await findOutput<AdapterDetails>(store, await referencePlace(input, schedule, models));
  return found === null ? null : adapterResult(found, input.config.model.adapter === null ? schedule : null);
}

function chooseRows(table: readonly UsableRow[], { warmup, run }: Config): UsableRow[] {
  const taskNames = [...new Set(table.map(({ task }) => task))].sort();
  const columns = {
    rowIndex: Uint32Array.from(table, ({ rowIndex }) => rowIndex),
    contentHash: hashColumn(table.map(({ contentHash }) => contentHash)),
    taskIndex: Uint32Array.from(table, ({ task }) => taskNames.indexOf(task)),
  };
  const { fraction, balance } = warmup;
  return Array.from(
    sampleWarmup(columns, { fraction, balance, seed: run.seed, taskNames }),
    (position) => table[position]!,
  );
}

/**
 * An adapter that the user gives takes the warm-up's place: read, checked against the model, written as an artifact.
 */
async function importAdapter(
  store: Store,
  place: OutputPlace,
  adapter: string,
  { decoder }: ModelDescription,
): Promise<WrittenOutput<AdapterDetails>> {
  const files = await writeAdapter(store, place, await readAdapter(adapter, decoder.layers), decoder.path);
  return { files, details: { rowCount: 0, stepCount: 0, firstLoss: null, lastLoss: null } };
}
