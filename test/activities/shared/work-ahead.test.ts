// Micro-batches worked on in order, with the next one begun before one is done.
import { expect, test } from 'vitest';
import { workAhead } from '../../../activities/shared/work-ahead.ts';

const ITEMS = [0, 1, 2, 3, 4];

/** Runs all items and notes what happens in which order. */
async function eventsOf(ahead: number): Promise<{ results: number[]; events: string[] }> {
  const events: string[] = [];
  const step =
    (name: string) =>
    async (item: number): Promise<number> => {
      events.push(`${name} ${item}`);
      await new Promise((resolve) => setImmediate(resolve));
      return 10 * item;
    };
  const results: number[] = [];
  for await (const [item, result] of workAhead(ITEMS, { load: step('load'), work: step('work'), ahead })) {
    events.push(`done ${item}`);
    results.push(result);
  }
  return { results, events };
}

test('results come in the order of their items, however many are begun', async () => {
  for (const ahead of [0, 1, 2, 9]) expect((await eventsOf(ahead)).results).toEqual([0, 10, 20, 30, 40]);
});

test('loads and works begin in order', async () => {
  const { events } = await eventsOf(1);
  for (const name of ['load', 'work'])
    expect(events.filter((event) => event.startsWith(name))).toEqual(ITEMS.map((item) => `${name} ${item}`));
});

test('with none ahead each item waits for the one before', async () => {
  const { events } = await eventsOf(0);
  expect(events).toEqual(ITEMS.flatMap((item) => [`load ${item}`, `work ${item}`, `done ${item}`]));
});

test('with one ahead the next item is loaded before one is done, and the one behind it is not', async () => {
  const { events } = await eventsOf(1);
  for (const item of ITEMS.slice(0, -2)) {
    expect(events.indexOf(`load ${item + 1}`)).toBeLessThan(events.indexOf(`done ${item}`));
    expect(events.indexOf(`load ${item + 2}`)).toBeGreaterThan(events.indexOf(`done ${item}`));
  }
});

test('an error is thrown where its item is due, and what was begun is waited for', async () => {
  const finished: number[] = [];
  const results: number[] = [];
  const run = async (): Promise<void> => {
    const work = async (item: number): Promise<number> => {
      if (item === 1) throw new Error('item 1 must work');
      await new Promise((resolve) => setImmediate(resolve));
      finished.push(item);
      return item;
    };
    const all = workAhead(ITEMS, { load: (item) => Promise.resolve(item), work, ahead: 2 });
    for await (const [, result] of all) results.push(result);
  };
  await expect(run()).rejects.toThrow('item 1 must work');
  expect(results).toEqual([0]);
  expect(finished).toEqual([0, 2, 3]);
});
