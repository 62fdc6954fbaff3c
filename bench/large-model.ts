// Bench of a model of 0.86 billion parameters: plan and run with default settings, and what each process needs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { short } from './bench.ts';
import type { BenchLine } from './bench.ts';
import { LARGE, writeRandomModel } from './large-model-folder.ts';
import { packageFolder } from './package-folder.ts';
import { peaksOfTree } from './processes.ts';

const SAMPLE_MS = 500;
const ROWS = 8;

/** `tive plan` and `tive run` until the selection on a few rows of a picture each, two compute processes. */
export async function* bench(): AsyncGenerator<BenchLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-bench-large-'));
  try {
    await writeRandomModel(join(folder, 'model'), LARGE);
    writeRows(folder);
    const commands = [
      ['plan', ['--until', 'selection']],
      ['run', ['--until', 'selection']],
    ] as const;
    for (const [command, options] of commands) {
      const { seconds, peaks, output } = await tive(folder, [command, 'recipe.yaml', ...options, '--processes', '2']);
      const facts = [
        `${short(seconds)} s`,
        `peaks of processes ${peaks.map((bytes) => short(bytes / 1e9)).join(', ')} GB (goal 8)`,
      ];
      const said = output.split('\n').filter((line) => /a process|micro-batches:|auto took|warning/.test(line));
      yield { name: `large ${command}`, facts: [...facts, ...said.map((line) => `\n    ${line.trim()}`)] };
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function writeRows(folder: string): void {
  const pictures = join(packageFolder(), 'test/golden/tiny-llava/images');
  mkdirSync(join(folder, 'images'));
  const names = readdirSync(pictures).sort();
  for (const name of names) copyFileSync(join(pictures, name), join(folder, 'images', name));
  const rows = Array.from({ length: ROWS }, (_, id) => ({
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
    `run: { name: large }
model: { path: model }
dataset: { path: train.json, image_folder: images }
gradients: { shard_rows: ${ROWS / 2} }
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
