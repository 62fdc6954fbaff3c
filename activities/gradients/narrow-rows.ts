// The rows that a round has chosen, as those that the next one chooses from.
import type { NarrowRowsInput } from '../../contracts/messages/gradients.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import { readCopies } from '../../tables/selection.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { startPulse } from '../shared/heartbeat.ts';
import { outputPlace } from '../shared/stage-output.ts';
import { writeSomeRows } from './some-rows.ts';

export function createNarrowRowsActivities({ openStore }: ComputeDependencies) {
  return {
    /** A rows table of the rows of a selection, each once. */
    async narrowRows({ config, rows, selection }: NarrowRowsInput): Promise<ArtifactReference> {
      const pulse = startPulse('gradients', 'narrow rows');
      const store = openStore(config.store.uri);
      const chosen = await readCopies(store, selection);
      const place = outputPlace('dataset', {
        rows: rows.sha256,
        selection: selection.sha256,
        ...settingsOf('newRows', config),
      });
      const isWanted = (rowIndex: number): boolean => chosen.has(rowIndex);
      return writeSomeRows(store, { config, rows, place, isWanted, rowCount: chosen.size }, pulse);
    },
  };
}
