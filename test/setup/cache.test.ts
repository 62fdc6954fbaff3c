import { fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { cacheFolder } from '../../store/machine-folder.ts';
import { withLock } from '../../setup/cache.ts';
import { scratch } from './scratch.ts';

/** Waits of the lock do not take time here; a test sees each, and may act in it. */
const waits = vi.hoisted(() => ({ count: 0, onWait: undefined as ((count: number) => unknown) | undefined }));
vi.mock('node:timers/promises', () => ({
  setTimeout: async () => {
    waits.count += 1;
    await waits.onWait?.(waits.count);
    await new Promise((resolve) => setImmediate(resolve));
  },
}));

afterEach(() => {
  waits.count = 0;
  waits.onWait = undefined;
});

/** A lock as another process would have left it. */
function takenLock(cache: string, name: string, pid: string | null, ageMs = 0): string {
  const lock = join(cache, 'locks', `${name}.lock`);
  mkdirSync(lock, { recursive: true });
  if (pid !== null) writeFileSync(join(lock, 'pid'), pid);
  const madeAt = new Date(Date.now() - ageMs);
  utimesSync(lock, madeAt, madeAt);
  return lock;
}

describe('cacheFolder', () => {
  test('is TIVE_CACHE, else a folder of the home', () => {
    const { cache } = scratch();
    expect(cacheFolder()).toBe(cache);
    for (const unset of ['', undefined]) {
      vi.stubEnv('TIVE_CACHE', unset);
      expect(cacheFolder()).toBe(join(homedir(), '.cache', 'tive'));
    }
  });
});

describe('withLock', () => {
  test('gives the result and lets the lock go', async () => {
    const { cache } = scratch();
    const lock = join(cache, 'locks', 'one.lock');
    const pid = await withLock('one', async () => readFileSync(join(lock, 'pid'), 'utf8'));
    expect(pid).toBe(String(process.pid));
    expect(existsSync(lock)).toBe(false);
  });

  test('lets the lock go when the work fails', async () => {
    const { cache } = scratch();
    await expect(withLock('one', () => Promise.reject(new Error('no disk')))).rejects.toThrow('no disk');
    expect(existsSync(join(cache, 'locks', 'one.lock'))).toBe(false);
    expect(await withLock('one', async () => 'again')).toBe('again');
  });

  test('runs works of one name one at a time, of two names side by side', async () => {
    scratch();
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 5 }, () => withLock('one', work)));
    expect(most).toBe(1);
    await withLock('one', () => withLock('two', async () => expect(waits.count).toBeGreaterThan(0)));
  });

  test('runs works of two processes one at a time', async () => {
    const { folder } = scratch();
    const [counter, log] = [join(folder, 'counter'), join(folder, 'log')];
    writeFileSync(counter, '0');
    const script = join(import.meta.dirname, '../fixtures/count-under-lock.ts');
    const children = [1, 2].map(() =>
      fork(script, [counter, log, '4'], { execArgv: ['--import', import.meta.resolve('tsx')] }),
    );
    const codes = children.map(async (child) => (await once(child, 'exit'))[0] as number);
    await Promise.all(children.map((child) => once(child, 'message')));
    for (const child of children) child.send('go');
    expect(await Promise.all(codes)).toEqual([0, 0]);
    expect(readFileSync(counter, 'utf8')).toBe('8');
    const lines = readFileSync(log, 'utf8').trim().split('\n');
    const pairs = lines.filter((_, index) => index % 2 === 0).map((line) => [line, line.replace('enter', 'leave')]);
    expect(lines).toEqual(pairs.flat());
    expect(new Set(lines.map((line) => line.split(' ')[1])).size).toBe(2);
  });

  test('takes over the lock of a process that is gone', async () => {
    const { cache } = scratch();
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    takenLock(cache, 'one', String(pid));
    expect(await withLock('one', async () => 'mine')).toBe('mine');
    expect(waits.count).toBe(1);
  });

  test('waits for a process that lives, however old its lock is', async () => {
    const { cache } = scratch();
    const owner = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
    takenLock(cache, 'one', String(owner.pid), 3_600_000);
    waits.onWait = async (count) => {
      if (count !== 5) return;
      owner.kill('SIGKILL');
      await once(owner, 'exit');
    };
    const countAtStart = await withLock('one', async () => waits.count);
    // Five looks at a living owner, one that found it gone.
    expect(countAtStart).toBe(6);
  });

  test.each<[string, string | null]>([
    ['without a pid', null],
    ['with an empty pid, as a full disk leaves it', ''],
  ])('takes over a lock %s after five seconds, not before', async (_, pid) => {
    const { cache } = scratch();
    const lock = takenLock(cache, 'one', pid);
    waits.onWait = (count) => {
      const old = new Date(Date.now() - 6000);
      if (count === 3) utimesSync(lock, old, old);
    };
    expect(await withLock('one', async () => waits.count)).toBe(4);
  });

  test('tells when the cache cannot be written', async () => {
    const { file, folder } = scratch();
    vi.stubEnv('TIVE_CACHE', file(join(folder, 'a-file')));
    await expect(withLock('one', async () => 'never')).rejects.toThrow(/ENOTDIR|EEXIST/);
  });
});
