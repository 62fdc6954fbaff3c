// `npm run bench`: set-up, then the benches: `npm run bench -- [name …] [--bytes N]`. Speed never fails it.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { bootstrap, root } from './bootstrap.mjs';

bootstrap();
const say = (text) => console.log(`set-up: ${text}`);
const { prepareEngine } = await import('../dist/setup/engine.js');
const engine = await prepareEngine(say);
if (engine.reason !== null) say(`the native engine is not used: ${engine.reason}`);
const environment = {
  ...process.env,
  ...engine.environment,
  ...(engine.reason === null ? {} : { TIVE_NO_NATIVE: engine.reason }),
};
const command = [join(root, 'dist/bench/index.js'), ...process.argv.slice(2)];
process.exit(spawnSync(process.execPath, command, { stdio: 'inherit', env: environment }).status ?? 1);
