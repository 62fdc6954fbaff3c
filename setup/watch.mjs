// `npm run watch [-- PART-OF-A-PATH …]`: set-up, then the tests of what is edited, again and again until stopped.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { prepareTestEnvironment } from './test-environment.mjs';

const env = await prepareTestEnvironment();
const words = process.argv.slice(2);
// Without a path the tests that need no server and no command, since all of them run at the start.
const args = ['watch', ...(words.length === 0 ? ['--project', 'unit'] : words)];
const command = [join(root, 'node_modules/vitest/vitest.mjs'), ...args];
process.exit(spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit', env }).status ?? 1);
