// Activities that keep and find the last finished run of a name.
import type { KeepLastRunInput, LastRun, ReadLastRunInput } from '../../contracts/messages/run.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';

/** The last finished run of each name: the one thing in the store that is not addressed by its content. */
export function createLastRunActivities({ openStore }: ControlDependencies) {
  return {
    async readLastRun({ config, runName }: ReadLastRunInput): Promise<LastRun | null> {
      const store = openStore(config.store.uri);
      const key = keyOf(runName);
      if ((await store.size(key)) === null) return null;
      return JSON.parse(Buffer.from(await store.read(key)).toString()) as LastRun;
    },

    /** Keeps a run as the last one, unless a run that started later is kept already. */
    async keepLastRun({ config, runName, last }: KeepLastRunInput): Promise<void> {
      const store = openStore(config.store.uri);
      const key = keyOf(runName);
      if ((await store.size(key)) !== null) {
        const kept = JSON.parse(Buffer.from(await store.read(key)).toString()) as LastRun;
        if (kept.startedAtMs > last.startedAtMs) return;
      }
      await store.write(key, [Buffer.from(`${JSON.stringify(last)}\n`)]);
    },
  };
}

function keyOf(runName: string): string {
  return `runs/${runName}/last.json`;
}
