// `npm run bench`: set-up, then the benches: `npm run bench -- [name …] [--bytes N]`. Speed never fails it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { prepareTestEnvironment } from './test-environment.mjs';

const environment = await prepareTestEnvironment();
const command = [join(root, 'dist/bench/index.js'), ...process.argv.slice(2)];
process.exit(spawnSync(process.execPath, command, { stdio: 'inherit', env: environment }).status ?? 1);
