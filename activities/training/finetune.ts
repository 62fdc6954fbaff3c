// Stage finetune: the selected rows → a LoRA adapter of the base model, by the recipe of the warm-up.
import type { AdapterResult, FinetuneInput } from '../../contracts/messages/training.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import type { Store } from '../../store/store.ts';
import { usableRows } from '../../tables/rows.ts';
import type { UsableRow } from '../../tables/rows.ts';
import { readCopies } from '../../tables/selection.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { keepBeating, startPulse } from '../shared/heartbeat.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { makeOutput, outputPlace } from '../shared/stage-output.ts';
import type { OutputPlace } from '../shared/stage-output.ts';
import { adapterResult, trainingDeterminants, tuneAdapter } from './tune-adapter.ts';

export function createFinetuneActivities({ openStore, models }: ComputeDependencies) {
  return {
    async finetuneModel(input: FinetuneInput): Promise<AdapterResult> {
      const { config, rows, selection } = input;
      const pulse = startPulse('finetune', 'training');
      const store = openStore(config.store.uri);
      const place = await finetunePlace(input, models);
      const output = await makeOutput(store, place, async () => {
        const model = await models.model(config.model, () => pulse.breathe());
        const places = await selectedRows(store, rows, selection);
        const dataset = await keepBeating(pulse, localDataset(openStore, config.dataset, rows));
        return tuneAdapter({ store, place, config, dataset, schedule: config.finetune, places, pulse }, model);
      });
      return adapterResult(output);
    },
  };
}

async function finetunePlace(
  { config, rows, selection }: FinetuneInput,
  models: ComputeDependencies['models'],
): Promise<OutputPlace> {
  const { description: engine } = await models.engine(config.model);
  return outputPlace('finetune', {
    rows: rows.sha256,
    selection: selection.sha256,
    ...settingsOf('finetune', config),
    ...(await trainingDeterminants(config, engine)),
  });
}

/** The selected rows in row order, each as often as it was drawn. */
async function selectedRows(store: Store, rows: ArtifactReference, selection: ArtifactReference): Promise<UsableRow[]> {
  const copies = await readCopies(store, selection);
  const places: UsableRow[] = [];
  for await (const row of usableRows(store, rows)) {
    for (let copy = 0; copy < (copies.get(row.rowIndex) ?? 0); copy += 1) places.push(row);
  }
  return places;
}
