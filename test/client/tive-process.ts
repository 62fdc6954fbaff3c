import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const program = join(import.meta.dirname, '../../setup/tive.mjs');

/** A finished command. */
export interface Finished {
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

/** A command that runs. */
export interface TiveProcess {
  child: ChildProcess;
  finished: Promise<Finished>;
  /** Process ids of its compute processes. */
  computeProcesses(): number[];
}

/** Starts the command line as a person would. */
export function startTive(folder: string, ...args: string[]): TiveProcess {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const finished = new Promise<Finished>((resolve) => {
    // A changed source is built first, and says so.
    const setUp = /^tive set-up: .*\n/gm;
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr: stderr.replace(setUp, '') }));
  });
  return { child, finished, computeProcesses: () => childrenOf(child.pid!, 'compute-process') };
}

/** Runs the command line to its end in a process of its own, as a person would. */
export function tiveProcess(folder: string, ...args: string[]): Promise<Finished> {
  return startTive(folder, ...args).finished;
}

/** Process ids of a process's children whose command line has the name. */
export function childrenOf(pid: number, name: string): number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=,args=', '--ppid', String(pid)], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .filter((line) => line.includes(name))
    .map((line) => Number(line.trim().split(' ')[0]));
}

/** Programs that have the text among their arguments, shells around them left out. */
export function processesWith(text: string): number[] {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .filter((line) => line.includes(text) && !/^\s*\d+ (sh|ps) /.test(line))
    .map((line) => Number(line.trim().split(' ')[0]));
}

/** Hash of every file with the name below a folder of the store, sorted: equal for stores with equal results. */
export function hashesOf(store: string, stage: string, name: string): string[] {
  const folder = join(store, 'artifacts', stage);
  return readdirSync(folder)
    .map((address) =>
      createHash('sha256')
        .update(readFileSync(join(folder, address, name)))
        .digest('hex'),
    )
    .sort();
}

/** What a whole run has computed: the tables and adapters that two runs share when they are equal. */
const RESULTS: readonly [stage: string, name: string][] = [
  ['values', 'values.arrow'],
  ['selection', 'selection.arrow'],
  ['warmup', 'adapter_model.safetensors'],
  ['finetune', 'adapter_model.safetensors'],
  ['evaluation', 'outcomes.arrow'],
];

/** Hashes of all that the whole runs of a folder have computed. */
export function resultHashes(folder: string): string[][] {
  return RESULTS.map(([stage, name]) => hashesOf(join(folder, 'tive-store'), stage, name));
}
