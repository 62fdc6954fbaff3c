// `npm run test:chaos -- [--runs N] [--seed N] [--fault PART-OF-NAME]`: set-up, then runs that faults strike; prints a
// table.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './bootstrap.mjs';
import { prepareTestEnvironment } from './test-environment.mjs';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    fault: { type: 'string', default: '' },
  },
});
for (const name of ['runs', 'seed']) {
  const text = values[name];
  if (Number.isSafeInteger(Number(text)) && Number(text) > 0) continue;
  console.error(`test:chaos: --${name} must be a whole number above 0, got "${text}"`);
  process.exit(2);
}
const environment = await prepareTestEnvironment();
const command = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', 'test/chaos/chaos.test.ts'];
const env = {
  ...environment,
  TIVE_CHAOS_RUNS: values.runs,
  TIVE_CHAOS_SEED: values.seed,
  TIVE_CHAOS_FAULT: values.fault,
};
process.exit(spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit', env }).status ?? 1);
