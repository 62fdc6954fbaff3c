// Stage finetune: the selected rows → a LoRA adapter of the base model, by the recipe of the warm-up.
import { trainingSchedule } from '../../algorithms/training-schedule.ts';
import { changedCountOf } from '../../contracts/augmentation.ts';
import type { TrainingSchedule } from '../../contracts/config.ts';
import type { AdapterResult, FinetuneInput } from '../../contracts/messages/training.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import { OPERATIONS_VERSION } from '../../dataset/images/change-picture.ts';
import { detailsOf, readManifest } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import { readChanges } from '../../tables/copies.ts';
import { readTokenBudget, usableRows } from '../../tables/rows.ts';
import type { UsableRow } from '../../tables/rows.ts';
import { readCopies } from '../../tables/selection.ts';
import type { SelectionDetails } from '../../tables/selection.ts';
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
      const pulse = startPulse('finetune', 'training', models.pace('finetune'));
      const store = openStore(config.store.uri);
      const { method, budget } = await choiceOf(store, selection);
      const schedule = trainingSchedule(budget, config.finetune);
      const place = await finetunePlace(store, input, schedule, models);
      const output = await makeOutput(store, place, async () => {
        const places = await selectedRows(store, rows, selection);
        const dataset = await keepBeating(pulse, localDataset(openStore, config.dataset, rows));
        const tokenBudget = await readTokenBudget(store, rows, config.gradients);
        const asked = { store, place, name: method, config, dataset, tokenBudget, schedule, places, pulse };
        return tuneAdapter(asked, models);
      });
      return adapterResult(output, schedule);
    },
  };
}

/**
 * The method, and its budget: what the recipe leaves out of the schedule follows from it, and it is the same for all
 * methods that are compared.
 */
async function choiceOf(store: Store, selection: ArtifactReference): Promise<{ method: string; budget: number }> {
  const { determinants } = await readManifest(store, selection);
  const { method = 'finetune', budget = selection.rowCount } = determinants as { method?: string; budget?: number };
  return { method, budget };
}

async function finetunePlace(
  store: Store,
  { config, rows, selection }: FinetuneInput,
  schedule: TrainingSchedule,
  models: ComputeDependencies['models'],
): Promise<OutputPlace> {
  const { description: engine } = await models.engine(config.model);
  return outputPlace('finetune', {
    rows: rows.sha256,
    selection: selection.sha256,
    ...settingsOf('finetune', { ...config, finetune: { ...config.finetune, ...schedule } }),
    ...(await trainingDeterminants(config, engine)),
    // Which copies are changed is in the selection; what is done to a picture is the code's.
    ...((await changesPictures(store, selection)) && { operations: OPERATIONS_VERSION }),
  });
}

async function changesPictures(store: Store, selection: ArtifactReference): Promise<boolean> {
  const details = detailsOf<Partial<SelectionDetails> | null>(await readManifest(store, selection));
  return changedCountOf(details?.copies ?? []) > 0;
}

/** The selected rows in row order, each as often as it was drawn; further copies say what is done to their pictures. */
async function selectedRows(store: Store, rows: ArtifactReference, selection: ArtifactReference): Promise<UsableRow[]> {
  const copies = await readCopies(store, selection);
  const changes = await readChanges(store, selection);
  const places: UsableRow[] = [];
  for await (const row of usableRows(store, rows)) {
    for (let copy = 1; copy <= (copies.get(row.rowIndex) ?? 0); copy += 1) {
      const change = changes.get(row.rowIndex)?.[copy - 2] ?? null;
      places.push(change === null ? row : { ...row, change });
    }
  }
  return places;
}
