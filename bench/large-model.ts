// Bench of a model of 0.86 billion parameters: plan and run with default settings, and what each process needs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dtype } from '../contracts/config.ts';
import { torchPython } from '../model/torch/python.ts';
import { short } from './bench.ts';
import type { BenchLine, BenchOptions } from './bench.ts';
import { LARGE, writeRandomModel } from './large-model-folder.ts';
import { packageFolder } from './package-folder.ts';
import { peaksOfTree } from './processes.ts';

const SAMPLE_MS = 500;
const ROWS = 8;

/** What computes, in so many processes. */
interface Setting {
  engine: 'tensorflow' | 'torch';
  dtype: Dtype;
  processes: number;
  /** Most memory of a process, in GB; null for none. */
  goal: number | null;
}

const SETTINGS: readonly Setting[] = [
  { engine: 'tensorflow', dtype: 'float32', processes: 2, goal: 8 },
  { engine: 'torch', dtype: 'float32', processes: 1, goal: null },
  { engine: 'torch', dtype: 'bfloat16', processes: 1, goal: 5 },
];

/** `tive plan` and `tive run` until the selection on a few rows of a picture each, by each engine and dtype. */
export async function* bench({ rowCount = ROWS }: BenchOptions): AsyncGenerator<BenchLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-bench-large-'));
  try {
    await writeRandomModel(join(folder, 'model'), LARGE);
    writeRows(folder, rowCount);
    for (const setting of SETTINGS) {
      if (setting.engine === 'torch' && torchPython() === null) {
        yield { name: 'large torch', facts: ['skipped: needs a Python with torch; run `tive setup torch`'] };
        return;
      }
      for (const command of ['plan', 'run']) yield measured(folder, command, setting);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measured(
  folder: string,
  command: string,
  { engine, dtype, processes, goal }: Setting,
): Promise<BenchLine> {
  const overrides = [`run.name=${engine}-${dtype}`, `model.engine=${engine}`, `model.dtype=${dtype}`];
  const options = ['--until', 'selection', '--processes', String(processes)];
  const { seconds, peaks, output } = await tive(folder, [command, 'recipe.yaml', ...overrides, ...options]);
  const most = peaks.map((bytes) => short(bytes / 1e9)).join(', ') || 'below 2';
  const said = output.split('\n').filter((line) => /a process|micro-batches:|auto took|warning/.test(line));
  const facts = [`${short(seconds)} s`, `peaks of processes ${most} GB${goal === null ? '' : ` (goal ${goal})`}`];
  const name = `large ${engine} ${dtype} ${command}`;
  return { name, facts: [...facts, ...said.map((line) => `\n    ${line.trim()}`)] };
}

function writeRows(folder: string, rowCount: number): void {
  const pictures = join(packageFolder(), 'test/golden/tiny-llava/images');
  mkdirSync(join(folder, 'images'));
  const names = readdirSync(pictures).sort();
  for (const name of names) copyFileSync(join(pictures, name), join(folder, 'images', name));
  const rows = Array.from({ length: rowCount }, (_, id) => ({
    id,
    dataset: id % 2 === 0 ? 'name' : 'tell',
    image: names[id % names.length],
    conversations: [
      { from: 'human', value: '<image>\nWhat?' },
      { from: 'gpt', value: `It is ${id}.` },
    ],
  }));
  writeFileSync(join(folder, 'train.json'), JSON.stringify(rows));
  // As many shards as processes; everything else is as it is by default.
  writeFileSync(
    join(folder, 'recipe.yaml'),
    `model: { path: model }
dataset: { path: train.json, image_folder: images }
gradients: { shard_rows: ${Math.ceil(rowCount / 2)} }
`,
  );
}

/** Runs a command. @returns the most memory of its largest processes, those of 2 GB and more */
async function tive(
  folder: string,
  args: readonly string[],
): Promise<{ seconds: number; peaks: number[]; output: string }> {
  const start = performance.now();
  const child = spawn(process.execPath, [join(packageFolder(), 'setup/tive.mjs'), ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-100_000)));
  const peaks = new Map<number, number>();
  const sampler = setInterval(() => {
    for (const [pid, bytes] of peaksOfTree(child.pid!)) peaks.set(pid, Math.max(bytes, peaks.get(pid) ?? 0));
  }, SAMPLE_MS);
  const [code] = (await once(child, 'close')) as [number | null];
  clearInterval(sampler);
  if (code !== 0) throw new Error(`large-model: ${args[0]} must end with 0, got ${code}\n${output.slice(-4000)}`);
  const largest = [...peaks.values()].filter((bytes) => bytes > 2e9).sort((left, right) => right - left);
  return { seconds: (performance.now() - start) / 1000, peaks: largest, output };
}
