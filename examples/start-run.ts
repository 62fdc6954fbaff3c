// Starts a run from a program and prints what it selected: node dist/examples/start-run.js recipe.yaml
// In a project of your own the import is from 'tive/client'.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exportRun, loadRecipe, openRuntime, openStore, startRun } from '../client/index.ts';

const { runName, config } = loadRecipe(process.argv[2] ?? 'recipe.yaml');
const folder = join(config.run.outputDir, runName);

// `address: 'host:7233'` uses a cluster with `tive worker` processes instead of an embedded server.
const runtime = await openRuntime({
  address: null,
  databasePath: join(folder, 'temporal.db'),
  log: ({ level, message }) => level === 'error' && console.error(message),
  say: (text) => console.error(text),
});

try {
  const run = await startRun(runtime.client, { runName, config, until: 'selection', replaces: true });
  let finished = false;
  const result = run.result().finally(() => (finished = true));
  while (!finished) {
    const progress = await run.progress();
    const working = progress?.stages.filter(({ state }) => state === 'running') ?? [];
    console.error(working.map(({ stage }) => stage).join(', '));
    await sleep(1000);
  }
  const { methods } = await result;
  for (const { task, selected } of methods[0]!.selection!.tasks) console.log(task, selected);
  const { path, rowCount } = await exportRun(openStore(config.store.uri), await result, 'llava', folder);
  console.log(`${rowCount} rows in ${path}`);
} finally {
  await runtime.close();
}
