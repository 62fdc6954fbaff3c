import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import type * as runtimeModule from '../../client/cluster/runtime.ts';
import type * as mainModule from '../../client/main.ts';
import type { Finished } from './tive-process.ts';

/** A module of the build, as the command loads it: its workflows are bundled, its processes are JavaScript. */
async function built<Module>(path: string): Promise<Module> {
  return (await import(pathToFileURL(join(import.meta.dirname, '../../dist', path)).href)) as Module;
}

let last: Promise<unknown> = Promise.resolve();

/** Runs a command line in this process: one at a time, since it has the folder and both outputs for itself. */
export function tive(folder: string, ...words: string[]): Promise<Finished> {
  const finished = last.then(() => runHere(folder, words));
  last = finished.catch(() => undefined);
  return finished;
}

async function runHere(folder: string, words: readonly string[]): Promise<Finished> {
  const { runCommandLine } = await built<typeof mainModule>('client/main.js');
  const before = process.cwd();
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  process.chdir(folder);
  try {
    const exitCode = await runCommandLine(words);
    return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    process.chdir(before);
    stdout.release();
    stderr.release();
  }
}

/** Keeps what is written to a stream. */
function capture(stream: NodeJS.WriteStream): { text: () => string; release: () => void } {
  const write = stream.write.bind(stream);
  let text = '';
  stream.write = ((chunk: string | Uint8Array): boolean => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    return true;
  }) as typeof stream.write;
  return { text: () => text, release: () => void (stream.write = write) };
}

/** A cluster for all runs of a test file: server, control worker and one compute process, started once. */
export function useCluster(): { readonly address: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tive-cluster-'));
  let runtime: runtimeModule.Runtime;
  beforeAll(async () => {
    const { openRuntime } = await built<typeof runtimeModule>('client/cluster/runtime.js');
    const quiet = { log: () => undefined, say: () => undefined };
    runtime = await openRuntime({
      address: null,
      databasePath: join(folder, 'temporal.db'),
      isFresh: true,
      processCount: 1,
      ...quiet,
    });
  }, 120_000);
  afterAll(async () => {
    await runtime.close();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);
  return {
    get address() {
      return runtime.address;
    },
  };
}
