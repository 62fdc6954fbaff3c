// Activities that keep and find the last finished run of a name.
import type { KeepLastRunInput, LastRun, ReadLastRunInput } from '../../contracts/messages/run.ts';
import { sha256 } from '../../store/addresses.ts';
import type { Store } from '../../store/store.ts';
import { damaged, readSealed, writeSealed } from '../../store/verified.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';

const FILE = 'last.json';

/** The last finished run of each name: the one thing in the store that is not addressed by its content. */
export function createLastRunActivities({ openStore }: ControlDependencies) {
  return {
    /** @throws DamagedArtifactError for other bytes than were written: set aside, the run begins from nothing */
    async readLastRun({ config, runName }: ReadLastRunInput): Promise<LastRun | null> {
      const store = openStore(config.store.uri);
      const uri = folderOf(runName);
      if ((await store.size(`${uri}/${FILE}`)) === null) return null;
      const last = await lastRunIn(store, uri);
      if (last !== null) return last;
      throw damaged({ uri, name: FILE, expected: null, found: sha256(await store.read(`${uri}/${FILE}`)) });
    },

    /** Keeps a run as the last one, unless a run that started later is kept already. */
    async keepLastRun({ config, runName, last }: KeepLastRunInput): Promise<void> {
      const store = openStore(config.store.uri);
      const kept = await lastRunIn(store, folderOf(runName));
      if (kept !== null && kept.startedAtMs > last.startedAtMs) return;
      await writeSealed(store, `${folderOf(runName)}/${FILE}`, last);
    },
  };
}

async function lastRunIn(store: Store, uri: string): Promise<LastRun | null> {
  return (await readSealed(store, `${uri}/${FILE}`)) as LastRun | null;
}

function folderOf(runName: string): string {
  return `runs/${runName}`;
}
