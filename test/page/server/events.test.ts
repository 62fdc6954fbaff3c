import { request } from 'node:http';
import { describe, expect, test, vi } from 'vitest';
import { RunEvents } from '../../../page/server/events.ts';
import type { RunLine, RunView } from '../../../page/api.ts';
import { usePage } from './served.ts';

/** Events of made-up runs, whose pauses end when the test says so. */
function watched() {
  let [lookCount, name] = [0, 'a'];
  const pauses: { ms: number; end: () => void }[] = [];
  const line = (): RunLine => ({ runName: name }) as RunLine;
  const events = new RunEvents(
    {
      lines: () => {
        lookCount += 1;
        return Promise.resolve([line()]);
      },
      view: (runName) => (runName === 'gone' ? Promise.reject(new Error('gone')) : Promise.resolve(line() as RunView)),
    },
    (ms) => new Promise<void>((end) => pauses.push({ ms, end })),
  );
  return {
    events,
    lookCount: () => lookCount,
    rename: (other: string) => void (name = other),
    /** Waits for the pause after a look. */
    paused: () => vi.waitUntil(() => pauses[0]),
    goOn: () => pauses.shift()!.end(),
  };
}

describe('events', () => {
  test('tell each listener what it has not been told, with one look for all of them', async () => {
    const { events, lookCount, rename, paused, goOn } = watched();
    const told: string[][] = [[], [], []];
    for (const [index, name] of [null, 'a', 'gone'].entries())
      events.listen(name, (event) => void told[index]!.push(event));
    await paused();
    expect(told).toEqual([['runs'], ['runs', 'run'], ['runs']]);
    goOn();
    await paused();
    expect(told).toEqual([['runs'], ['runs', 'run'], ['runs']]);
    rename('b');
    goOn();
    await paused();
    expect(told).toEqual([
      ['runs', 'runs'],
      ['runs', 'run', 'runs', 'run'],
      ['runs', 'runs'],
    ]);
    expect(lookCount()).toBe(3);
  });

  test('are looked for once a second, however many listen and come between', async () => {
    const { events, lookCount, paused, goOn } = watched();
    for (let listener = 0; listener < 50; listener += 1) events.listen('a', () => undefined);
    const { ms } = await paused();
    expect(ms).toBeGreaterThan(1000);
    expect(ms).toBeLessThanOrEqual(1100);
    for (let listener = 0; listener < 50; listener += 1) events.listen('a', () => undefined);
    expect(lookCount()).toBe(1);
    goOn();
    await paused();
    expect(lookCount()).toBe(2);
  });

  test('are not looked for where nobody listens, and again when somebody does', async () => {
    const { events, lookCount, paused, goOn } = watched();
    const end = events.listen(null, () => undefined);
    await paused();
    end();
    goOn();
    await new Promise(setImmediate);
    expect(lookCount()).toBe(1);
    events.listen(null, () => undefined);
    await paused();
    expect(lookCount()).toBe(2);
  });
});

describe('the stream of events', () => {
  const page = usePage();

  test('has the runs and the one that is asked for, and ends with who listens', async () => {
    const headers = { cookie: page.cookie };
    const sent = request({ host: '127.0.0.1', port: page.port, path: '/api/events?run=small', headers });
    let text = '';
    const type = await new Promise<string | undefined>((resolve) => {
      sent.on('response', (response) => {
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('error', () => undefined);
        resolve(response.headers['content-type']);
      });
      sent.on('error', () => undefined);
      sent.end();
    });
    expect(type).toMatch(/^text\/event-stream/);
    await vi.waitFor(() => expect(text).toMatch(/event: run\ndata: \{"runName":"small"/));
    expect(text).toMatch(/event: runs\ndata: \[\{"runName":"small"/);
    expect(page.page.events.listenerCount).toBe(1);
    sent.destroy();
    await vi.waitFor(() => expect(page.page.events.listenerCount).toBe(0));
  });
});
