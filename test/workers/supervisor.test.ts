import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ComputeSlot } from '../../workers/compute-environment.ts';
import { EMBEDDED } from '../../workers/install-runtime.ts';
import type { LogSink, RuntimeSettings } from '../../workers/install-runtime.ts';
import { Supervisor } from '../../workers/supervisor.ts';

const CHILD = fileURLToPath(new URL('../fixtures/compute-child.mjs', import.meta.url));
const TWO: ComputeSlot[] = [0, 1].map((index) => ({ index, gpu: null, memoryBytes: 4e9 }));
const ONE = TWO.slice(0, 1);

type Line = Parameters<LogSink>[0];
type Behaviour = 'works' | 'tells its settings' | 'ends at once' | 'never stops';

// Restarts wait on the faked clock; processes and `vi.waitFor` live on the real one. Each look moves it by 1 ms.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }));
afterEach(() => void vi.useRealTimers());
const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 1 });

function supervise(
  behaviour: Behaviour,
  slots: ComputeSlot[],
  settings: RuntimeSettings = EMBEDDED,
): { supervisor: Supervisor; log: Line[] } {
  const log: Line[] = [];
  const server = { address: behaviour, namespace: null };
  const supervisor = new Supervisor(server, slots, (line) => void log.push(line), settings, CHILD);
  onTestFinished(() => supervisor.kill());
  supervisor.start();
  return { supervisor, log };
}

const saying = (log: Line[], message: string): Line[] => log.filter((line) => line.message === message);
const restarts = (log: Line[]): string[] =>
  log.filter(({ level }) => level === 'warn').map(({ message }) => message.replace(/^compute process /, ''));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('Supervisor', () => {
  test('starts one process a slot and hands on what they log, with the number of the process', async () => {
    const { supervisor, log } = supervise('works', [
      { index: 0, gpu: 0, memoryBytes: 4e9 },
      { index: 1, gpu: 1, memoryBytes: 4e9 },
    ]);
    await soon(() => expect(saying(log, 'up')).toHaveLength(2));
    await soon(() => expect(log.filter(({ level }) => level === 'debug')).toHaveLength(2));
    const ups = saying(log, 'up').sort(
      (left, right) => Number(left.attributes['process']) - Number(right.attributes['process']),
    );
    expect(ups).toEqual(
      supervisor.processIds.map((pid, process) => ({ level: 'info', message: 'up', attributes: { pid, process } })),
    );
    for (const process of [0, 1]) {
      expect(log).toContainEqual({ level: 'debug', message: `device ${process}`, attributes: { process } });
    }
    expect(supervisor.restartCount).toBe(0);
  });

  test('hands on the level of the log, and gives each process a port of its own for metrics', async () => {
    const settings: RuntimeSettings = { level: 'INFO', metrics: { host: '[::1]', port: 9464 } };
    const { log } = supervise('tells its settings', TWO, settings);
    await soon(() => expect(log.filter(({ message }) => message.startsWith('{'))).toHaveLength(2));
    const told = log.flatMap(({ message }) => (message.startsWith('{') ? [JSON.parse(message) as object] : []));
    expect(told).toHaveLength(2);
    for (const port of [9465, 9466]) expect(told).toContainEqual({ level: 'INFO', metrics: { host: '[::1]', port } });
  });

  test('starts a killed process again, and leaves the others alone', async () => {
    const { supervisor, log } = supervise('works', TWO);
    await soon(() => expect(saying(log, 'up')).toHaveLength(2));
    const [killed, other] = supervisor.processIds as [number, number];
    process.kill(killed, 'SIGKILL');
    await soon(() => expect(supervisor.restartCount).toBe(1));
    expect(restarts(log)).toEqual(['0 ended (SIGKILL); started again in 500 ms']);
    expect(supervisor.processIds).toEqual([other]);
    vi.advanceTimersByTime(500);
    await soon(() => expect(saying(log, 'up')).toHaveLength(3));
    expect(supervisor.processIds).toHaveLength(2);
    expect(supervisor.processIds).toContain(other);
    expect(supervisor.processIds).not.toContain(killed);
    expect(isAlive(killed)).toBe(false);
  });

  test('waits twice as long for each restart of a process that keeps dying, up to half a minute', async () => {
    const { supervisor, log } = supervise('ends at once', ONE);
    const delays = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
    for (const [index, delayMs] of delays.entries()) {
      await soon(() => expect(supervisor.restartCount).toBe(index + 1));
      expect(restarts(log)[index]).toBe(`0 ended (3); started again in ${delayMs} ms`);
      expect(supervisor.processIds).toEqual([]);
      vi.advanceTimersByTime(delayMs);
    }
  });

  test('forgets earlier deaths of a process that lived for a minute', async () => {
    const { supervisor, log } = supervise('works', ONE);
    for (const [index, [livedMs, delayMs]] of (
      [
        [0, 500],
        [0, 1000],
        [61_000, 500],
        [0, 1000],
      ] as const
    ).entries()) {
      await soon(() => expect(saying(log, 'up')).toHaveLength(index + 1));
      vi.advanceTimersByTime(livedMs);
      process.kill(supervisor.processIds[0]!, 'SIGKILL');
      await soon(() => expect(supervisor.restartCount).toBe(index + 1));
      expect(restarts(log)[index]).toBe(`0 ended (SIGKILL); started again in ${delayMs} ms`);
      vi.advanceTimersByTime(delayMs);
    }
  });

  test('drains all processes with SIGTERM and starts none again', async () => {
    const { supervisor, log } = supervise('works', TWO);
    await soon(() => expect(saying(log, 'up')).toHaveLength(2));
    const pids = supervisor.processIds;
    await supervisor.stop();
    expect(saying(log, 'drained')).toHaveLength(2);
    expect(pids.map(isAlive)).toEqual([false, false]);
    expect(supervisor.processIds).toEqual([]);
    vi.advanceTimersByTime(60_000);
    expect(supervisor.processIds).toEqual([]);
    expect(supervisor.restartCount).toBe(0);
    expect(restarts(log)).toEqual([]);
  });

  test('starts nothing again that was waiting for its restart when it stopped', async () => {
    const { supervisor } = supervise('ends at once', ONE);
    await soon(() => expect(supervisor.restartCount).toBe(1));
    await supervisor.stop();
    vi.advanceTimersByTime(60_000);
    expect(supervisor.processIds).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('kills a process that does not end within two and a half minutes of SIGTERM', async () => {
    const { supervisor, log } = supervise('never stops', ONE);
    await soon(() => expect(saying(log, 'up')).toHaveLength(1));
    const pid = supervisor.processIds[0]!;
    const stopped = supervisor.stop();
    await soon(() => expect(saying(log, 'goes on')).toHaveLength(1));
    vi.advanceTimersByTime(140_000);
    expect(isAlive(pid)).toBe(true);
    vi.advanceTimersByTime(10_000);
    await stopped;
    expect(isAlive(pid)).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('kill ends all processes at once, even those that ignore SIGTERM', async () => {
    const { supervisor, log } = supervise('never stops', TWO);
    await soon(() => expect(saying(log, 'up')).toHaveLength(2));
    const pids = supervisor.processIds;
    supervisor.kill();
    await soon(() => expect(supervisor.processIds).toEqual([]));
    expect(pids.map(isAlive)).toEqual([false, false]);
    expect(saying(log, 'goes on')).toEqual([]);
    expect(supervisor.restartCount).toBe(0);
  });

  test('tries again where a process cannot even be started', async () => {
    const node = process.execPath;
    onTestFinished(() => void (process.execPath = node));
    process.execPath = '/none/node';
    const { supervisor, log } = supervise('works', ONE);
    await soon(() => expect(supervisor.restartCount).toBe(1));
    expect(restarts(log)).toEqual(['0 ended (spawn /none/node ENOENT); started again in 500 ms']);
    process.execPath = node;
    vi.advanceTimersByTime(500);
    await soon(() => expect(saying(log, 'up')).toHaveLength(1));
  });
});
