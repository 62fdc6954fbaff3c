import type { AdapterResult, FinetuneInput } from '../../contracts/messages/training.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { stageAddress } from '../../store/addresses.ts';
import type { Store } from '../../store/store.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { keepBeating, startPulse } from '../shared/heartbeat.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { usableRows } from '../../tables/row-table.ts';
import type { TableRow } from '../../tables/row-table.ts';
import { readCopies } from '../../tables/selection-copies.ts';
import { findAdapter, trainingDeterminants, tuneAdapter } from './tune-adapter.ts';

/** Stage finetune: the selected rows → a LoRA adapter of the base model, by the recipe of the warm-up. */
export function createFinetuneActivities({ openStore, models }: ComputeDependencies) {
  return {
    async finetuneModel({ config, rows, selection }: FinetuneInput): Promise<AdapterResult> {
      const pulse = startPulse('finetune', 'training');
      const store = openStore(config.store.uri);
      const { description: engine } = await models.engine(config.model);
      const { loraRank, loraAlpha, loraTarget, schedule, warmupFraction } = config.warmup;
      const determinants = {
        rows: rows.sha256,
        selection: selection.sha256,
        finetune: { ...config.finetune, loraRank, loraAlpha, loraTarget, schedule, warmupFraction },
        ...(await trainingDeterminants(config, engine)),
      };
      const address = stageAddress('finetune', determinants);
      const found = await findAdapter(store, 'finetune', address);
      if (found !== null) return found;
      const model = await models.model(config.model, () => pulse.breathe());
      const places = await selectedRows(store, rows, selection);
      const dataset = await keepBeating(pulse, localDataset(openStore, config.dataset, rows));
      return tuneAdapter(
        { store, stage: 'finetune', address, determinants, config, dataset, schedule: config.finetune, places, pulse },
        model,
      );
    },
  };
}

/** The selected rows in row order, each as often as it was drawn. */
async function selectedRows(store: Store, rows: ArtifactReference, selection: ArtifactReference): Promise<TableRow[]> {
  const copies = await readCopies(store, selection);
  const places: TableRow[] = [];
  for await (const row of usableRows(store, rows)) {
    for (let copy = 0; copy < (copies.get(row.rowIndex) ?? 0); copy += 1) places.push(row);
  }
  return places;
}
