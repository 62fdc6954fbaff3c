import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { writeSmallDataset } from '../small-dataset.ts';
import { reach } from './reach.ts';
import { tive } from '../in-process.ts';
import { processesWith, resultHashes, startTive, tiveProcess } from '../tive-process.ts';
import type { TiveProcess } from '../tive-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-kill-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Long enough in every stage to be met in the middle of it. */
const SLOW = [
  'warmup.epochs=24',
  'finetune.epochs=64',
  'evaluation.max_rows=16',
  'gradients.projection=rademacher',
  'gradients.sketch=2048',
];
const OPTIONS = ['--processes', '2', '--heartbeat-timeout', '6'];
const RUN = ['run', 'recipe.yaml', ...SLOW, ...OPTIONS];
/** What the struck runs are compared with: nobody but one process has computed it. */
const RUN_OF_ONE = ['run', 'recipe.yaml', ...SLOW, '--processes', '1'];
const TIMEOUT_MS = 240_000;

function freshFolder(name: string): string {
  const folder = join(root, name);
  mkdirSync(folder);
  writeSmallDataset(folder);
  return folder;
}

function signalAll(process_: TiveProcess, signal: NodeJS.Signals): number {
  const processes = process_.computeProcesses();
  for (const pid of processes) process.kill(pid, signal);
  return processes.length;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function leftovers(folder: string): string[] {
  const names = readdirSync(join(folder, 'tive-store'), { recursive: true, withFileTypes: true });
  return names.filter((entry) => entry.isFile() && entry.parentPath.includes('checkpoints')).map(({ name }) => name);
}

let undisturbed: string[][];
beforeAll(async () => {
  const folder = freshFolder('undisturbed');
  const done = await tiveProcess(folder, ...RUN_OF_ONE);
  expect(done.exitCode, done.stderr).toBe(0);
  undisturbed = resultHashes(folder);
}, TIMEOUT_MS);

test(
  '2 compute processes killed in warmup, gradients and finetune: the run ends by itself with the bytes of one process',
  async () => {
    const folder = freshFolder('kill-workers');
    const command = startTive(folder, ...RUN);
    let killed = 0;
    for (const stage of ['warmup', 'gradients', 'finetune'] as const) {
      await reach(folder, stage);
      killed += signalAll(command, 'SIGKILL');
    }
    const done = await command.finished;
    expect(done.exitCode, done.stderr).toBe(0);
    expect(resultHashes(folder)).toEqual(undisturbed);
    expect(leftovers(folder)).toEqual([]);
    const log = readFileSync(join(folder, 'runs/small/log.jsonl'), 'utf8');
    expect(killed).toBeGreaterThanOrEqual(3);
    // The kernel counts kills for memory of the whole machine, where another test may make some at the same time.
    expect(log.match(/ended \(SIGKILL(: out of memory)?\); started again/g)).toHaveLength(killed);
  },
  TIMEOUT_MS,
);

test(
  'compute processes drained by SIGTERM in warmup and finetune go on from their checkpoints, the Temporal server killed in gradients is started again on its database, and the run ends with the same bytes',
  async () => {
    const folder = freshFolder('drain-workers-kill-server');
    const command = startTive(folder, ...RUN);
    await reach(folder, 'warmup');
    expect(signalAll(command, 'SIGTERM')).toBeGreaterThan(0);
    await reach(folder, 'gradients');
    const servers = processesWith(join(folder, 'runs/small/temporal.db'));
    expect(servers).toHaveLength(1);
    process.kill(servers[0]!, 'SIGKILL');
    await vi.waitFor(() => expect(isAlive(servers[0]!)).toBe(false));
    await reach(folder, 'finetune');
    expect(signalAll(command, 'SIGTERM')).toBeGreaterThan(0);
    const done = await command.finished;
    expect(done.exitCode, done.stderr).toBe(0);
    expect(resultHashes(folder)).toEqual(undisturbed);
    expect(processesWith(join(folder, 'runs/small/temporal.db'))).toEqual([]);
  },
  TIMEOUT_MS,
);

describe('the command stopped, killed and given again, on one store', () => {
  const folder = join(root, 'given-again');
  beforeAll(() => void freshFolder('given-again'));

  test(
    'cancel from another terminal stops the run',
    async () => {
      const command = startTive(folder, ...RUN);
      await reach(folder, 'warmup');
      const status = await tive(folder, 'status', 'small');
      expect(status.stdout).toMatch(/^small: running  on 127\.0\.0\.1:\d+\ndataset: done/);
      expect((await tive(folder, 'cancel', 'small')).stdout).toBe('small stops at its next checkpoint\n');
      const stopped = await command.finished;
      expect(stopped.exitCode).toBe(130);
      expect(stopped.stderr).toContain('the run was cancelled; what it has done is kept');
    },
    TIMEOUT_MS,
  );

  test(
    'the whole command killed in gradients leaves no process behind',
    async () => {
      const command = startTive(folder, ...RUN);
      await reach(folder, 'gradients');
      const processes = command.computeProcesses();
      command.child.kill('SIGKILL');
      await command.finished;
      expect(processes).not.toEqual([]);
      await vi.waitFor(() => expect(processes.filter(isAlive)).toEqual([]), { timeout: 60_000, interval: 100 });
    },
    TIMEOUT_MS,
  );

  test(
    'given again on a damaged database, it sets it aside; Ctrl-C stops at a checkpoint, prints the command that resumes, and exits with 130',
    async () => {
      writeFileSync(join(folder, 'runs/small/temporal.db'), Buffer.alloc(20_000, 'no database'));
      const command = startTive(folder, ...RUN);
      await reach(folder, 'finetune');
      command.child.kill('SIGINT');
      const stopped = await command.finished;
      expect(stopped.exitCode).toBe(130);
      expect(stopped.stderr).toMatch(
        /temporal\.db: must be the database of an earlier server, got other bytes; it is now /,
      );
      expect(stopped.stderr).toContain('warmup: cached');
      expect(stopped.stderr).toContain('resume: ');
      expect(stopped.stderr).toContain(` run recipe.yaml ${[...SLOW, ...OPTIONS].join(' ')}`);
    },
    TIMEOUT_MS,
  );

  test(
    'given again after all that, it ends with the same bytes',
    async () => {
      const again = await tiveProcess(folder, ...RUN);
      expect(again.exitCode, again.stderr).toBe(0);
      expect(resultHashes(folder)).toEqual(undisturbed);
    },
    TIMEOUT_MS,
  );
});
