// The activity that keeps a run's result in the store, under its name.
import type { KeepResultInput, RunResult } from '../../contracts/messages/run.ts';
import { recordFolder, RESULT_FILE } from '../../store/run-records.ts';
import { readSealed, writeSealed } from '../../store/verified.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { formerName, recipeHash } from '../shared/recipe-hash.ts';

export function createKeepResultActivities({ openStore }: ControlDependencies) {
  return {
    /**
     * Keeps a result, so that whoever has the store finds the run by its name. That of another recipe gets a name of
     * its own, the one that its folder gets on the machine where it was run.
     */
    async keepResult({ result }: KeepResultInput): Promise<void> {
      const { runName, config } = result;
      const store = openStore(config.store.uri);
      const keyOf = (name: string): string => `${recordFolder(name)}/${RESULT_FILE}`;
      const former = (await readSealed(store, keyOf(runName))) as RunResult | null;
      if (former !== null && recipeHash(former.config) !== recipeHash(config)) {
        const name = formerName(runName, former.config);
        await writeSealed(store, keyOf(name), { ...former, runName: name });
      }
      await writeSealed(store, keyOf(runName), result);
    },
  };
}
