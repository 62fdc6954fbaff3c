import { sampleWarmup } from '../../algorithms/warmup-sample.ts';
import type { Config } from '../../contracts/config.ts';
import type { AdapterResult, TuneReferenceInput } from '../../contracts/messages/training.ts';
import { encodeAdapter, readAdapter } from '../../model/adapter-files.ts';
import { readModelConfig } from '../../model/model-config.ts';
import { artifactFolder, stageAddress } from '../../store/addresses.ts';
import type { Json } from '../../store/addresses.ts';
import { finishArtifact } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { modelFingerprint } from '../shared/fingerprints.ts';
import { keepBeating, startPulse } from '../shared/heartbeat.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { usableRows } from '../../tables/row-table.ts';
import type { TableRow } from '../../tables/row-table.ts';
import { findAdapter, trainingDeterminants, tuneAdapter } from './tune-adapter.ts';
import type { TuneDetails } from './tune-adapter.ts';

/** Stage warmup: rows → a LoRA adapter tuned on a small sample, the reference model of all gradients. */
export function createWarmupActivities({ openStore, models }: ComputeDependencies) {
  return {
    async tuneReference({ config, rows }: TuneReferenceInput): Promise<AdapterResult> {
      const pulse = startPulse('warmup', 'training');
      const store = openStore(config.store.uri);
      if (config.model.adapter !== null) return importAdapter(store, config, config.model.adapter);
      const determinants = await warmupDeterminants({ config, rows }, models);
      const address = stageAddress('warmup', determinants);
      const found = await findAdapter(store, 'warmup', address);
      if (found !== null) return found;
      const model = await models.model(config.model, () => pulse.breathe());
      const table: TableRow[] = [];
      for await (const row of usableRows(store, rows)) table.push(row);
      const places = chooseRows(table, config);
      const dataset = await keepBeating(pulse, localDataset(openStore, config.dataset, rows));
      return tuneAdapter(
        { store, stage: 'warmup', address, determinants, config, dataset, schedule: config.warmup, places, pulse },
        model,
      );
    },
  };
}

async function warmupDeterminants({ config, rows }: TuneReferenceInput, models: ComputeDependencies['models']) {
  const { description: engine } = await models.engine(config.model);
  return { rows: rows.sha256, warmup: { ...config.warmup }, ...(await trainingDeterminants(config, engine)) };
}

/** The reference model that an earlier run has tuned, or that was taken in for this one; else null. */
export async function findReference(
  store: Store,
  input: TuneReferenceInput,
  models: ComputeDependencies['models'],
): Promise<AdapterResult | null> {
  const { model } = input.config;
  const determinants =
    model.adapter === null
      ? await warmupDeterminants(input, models)
      : await importDeterminants(model.adapter, model.path);
  return findAdapter(store, 'warmup', stageAddress('warmup', determinants));
}

async function importDeterminants(adapter: string, model: string) {
  return { adapter: await modelFingerprint(adapter), model: await modelFingerprint(model) };
}

function chooseRows(table: readonly TableRow[], { warmup, run }: Config): TableRow[] {
  const taskNames = [...new Set(table.map(({ task }) => task))].sort();
  const contentHash = new Uint8Array(table.length * 32);
  table.forEach((row, position) => contentHash.set(row.contentHash, position * 32));
  const columns = {
    rowIndex: Uint32Array.from(table, ({ rowIndex }) => rowIndex),
    contentHash,
    taskIndex: Uint32Array.from(table, ({ task }) => taskNames.indexOf(task)),
  };
  const { fraction, balance } = warmup;
  return Array.from(
    sampleWarmup(columns, { fraction, balance, seed: run.seed, taskNames }),
    (position) => table[position]!,
  );
}

/** An adapter that the user gives takes the warm-up's place: read, checked against the model, written as an artifact. */
async function importAdapter(store: Store, config: Config, folder: string): Promise<AdapterResult> {
  const determinants = await importDeterminants(folder, config.model.path);
  const address = stageAddress('warmup', determinants);
  const found = await findAdapter(store, 'warmup', address);
  if (found !== null) return found;
  const { text, modelType } = await readModelConfig(config.model.path);
  const values = await readAdapter(folder, text);
  const files = [];
  for (const { name, bytes } of encodeAdapter(values, modelType)) {
    files.push({ name, rowCount: 0, ...(await store.write(`${artifactFolder('warmup', address)}/${name}`, [bytes])) });
  }
  const details: TuneDetails = { rowCount: 0, stepCount: 0, firstLoss: null, lastLoss: null };
  const adapter = await finishArtifact(store, 'warmup', address, {
    determinants,
    files,
    rowCount: 0,
    details: details as unknown as Json,
  });
  return { ...details, adapter, cached: false };
}
