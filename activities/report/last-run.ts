// Activities that keep and find the last finished run of a name.
import type { KeepLastRunInput, LastRun, ReadLastRunInput } from '../../contracts/messages/run.ts';
import { sha256 } from '../../store/addresses.ts';
import { LAST_FILE, recordFolder } from '../../store/run-records.ts';
import type { Store } from '../../store/store.ts';
import { damaged, readSealed, writeSealed } from '../../store/verified.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';

export function createLastRunActivities({ openStore }: ControlDependencies) {
  return {
    /** @throws DamagedArtifactError for other bytes than were written: set aside, the run begins from nothing */
    async readLastRun({ config, runName }: ReadLastRunInput): Promise<LastRun | null> {
      const store = openStore(config.store.uri);
      const uri = recordFolder(runName);
      if ((await store.size(`${uri}/${LAST_FILE}`)) === null) return null;
      const last = await lastRunIn(store, uri);
      if (last !== null) return last;
      throw damaged({ uri, name: LAST_FILE, expected: null, found: sha256(await store.read(`${uri}/${LAST_FILE}`)) });
    },

    /** Keeps a run as the last one, unless a run that started later is kept already. */
    async keepLastRun({ config, runName, last }: KeepLastRunInput): Promise<void> {
      const store = openStore(config.store.uri);
      const kept = await lastRunIn(store, recordFolder(runName));
      if (kept !== null && kept.startedAtMs > last.startedAtMs) return;
      await writeSealed(store, `${recordFolder(runName)}/${LAST_FILE}`, last);
    },
  };
}

async function lastRunIn(store: Store, uri: string): Promise<LastRun | null> {
  return (await readSealed(store, `${uri}/${LAST_FILE}`)) as LastRun | null;
}
