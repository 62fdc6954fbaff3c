// A step of the image's build: TensorFlow's libraries into a folder of their own, and the addon compiled against them.
// `node setup/image.mjs FOLDER`, after the build. Fails where a worker would fall back to wasm.
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const target = resolve(process.argv[2] ?? '/opt/tensorflow');
const say = (text) => console.log(`image: ${text}`);
const { chooseEngine } = await import('../dist/setup/engine-choice.js');
const { prepareEngine, probeEngine } = await import('../dist/setup/prepare-engine.js');
const { unpackWheel } = await import('../dist/setup/wheel.js');

const { platform, arch: architecture } = process;
const { wheel, libraries, reason } = chooseEngine({ platform, architecture, gpuCount: 0, refusesGpu: true });
if (wheel === null) throw new Error(`image: TensorFlow must have a library for this machine, got none: ${reason}`);

say(`fetching ${wheel}`);
const source = join(await unpackWheel(wheel), 'tensorflow');
mkdirSync(target, { recursive: true });
for (const name of [...libraries, 'include'])
  cpSync(join(source, name), join(target, name), { recursive: true, dereference: true });

process.env.TIVE_TENSORFLOW_DIR = target;
process.env.TIVE_GPU = '0';
const engine = await prepareEngine(say);
if (engine.reason !== null) throw new Error(`image: the native engine must be ready, got ${engine.reason}`);
const { version, reason: refusal } = await probeEngine(engine);
if (version === null) throw new Error(`image: the native engine must load, got ${refusal}`);
// Headers were for the compiler alone.
rmSync(join(target, 'include'), { recursive: true });
say(`TensorFlow ${version} is ready in ${target}`);
