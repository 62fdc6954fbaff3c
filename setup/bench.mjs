// `npm run bench`: set-up, then the benches: `npm run bench -- [name …] [--bytes N]`. Speed never fails it.
// `npm run results`: the same set-up, then every selector in every condition.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { prepareTestEnvironment } from './test-environment.mjs';

const environment = await prepareTestEnvironment();
const words = process.argv.slice(2);
const command =
  words[0] === 'results'
    ? [join(root, 'dist/bench/results/index.js'), ...words.slice(1)]
    : [join(root, 'dist/bench/index.js'), ...words];
process.exit(spawnSync(process.execPath, command, { stdio: 'inherit', env: environment }).status ?? 1);
