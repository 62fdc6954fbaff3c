// Bench of the demo from an empty folder, and again with all of it in the store.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { short } from './bench.ts';
import type { BenchLine } from './bench.ts';
import { packageFolder } from './package-folder.ts';
import { treeBytes } from './processes.ts';

const SAMPLE_MS = 200;

/** The demo in a new folder, then again with everything in the store. */
export async function* bench(): AsyncGenerator<BenchLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-bench-start-'));
  try {
    for (const [name, goal] of [
      ['start', '240'],
      ['start again', '20'],
    ] as const) {
      const { seconds, peakBytes } = await runDemo(folder);
      const memory = `peak ${short(peakBytes / 1e9)} GB resident, all processes${name === 'start' ? ' (goal 3)' : ''}`;
      yield { name, facts: [`${short(seconds)} s (goal ${goal})`, memory] };
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runDemo(folder: string): Promise<{ seconds: number; peakBytes: number }> {
  const start = performance.now();
  const child = spawn(process.execPath, [join(packageFolder(), 'setup/tive.mjs'), 'demo', '--quiet'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  let peakBytes = 0;
  const sampler = setInterval(() => (peakBytes = Math.max(peakBytes, treeBytes(child.pid!))), SAMPLE_MS);
  const [code] = (await once(child, 'close')) as [number | null];
  clearInterval(sampler);
  if (code !== 0) throw new Error(`start: the demo must end with 0, got ${code}\n${stderr}`);
  return { seconds: (performance.now() - start) / 1000, peakBytes };
}
