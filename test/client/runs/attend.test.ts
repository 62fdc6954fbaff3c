// Watching work until it ends.
import { expect, test } from 'vitest';
import { watchUntilEnd } from '../../../client/runs/attend.ts';

/** What the watch needs of a cluster: a client that calls what it is given. */
function attended(interrupted: AbortSignal): Parameters<typeof watchUntilEnd>[0] {
  const client = { withAbortSignal: async <Value>(_: AbortSignal, call: () => Promise<Value>) => call() };
  return { runtime: { client }, interrupted };
}

test('what happened between the last look and the end is looked at too', async () => {
  let state = 'running';
  const seen: string[] = [];
  const start = async (): Promise<number> => {
    await new Promise((resolve) => setImmediate(resolve));
    state = 'done';
    return 7;
  };
  const look = async (): Promise<void> => void seen.push(state);
  const { hasEnded, result } = await watchUntilEnd(attended(new AbortController().signal), start, look, 50);
  expect({ hasEnded, result: await result }).toEqual({ hasEnded: true, result: 7 });
  expect(seen.at(0)).toBe('running');
  expect(seen.at(-1)).toBe('done');
});

test('work that a person interrupts is not looked at again, and has not ended', async () => {
  const interrupt = new AbortController();
  let looks = 0;
  const look = async (): Promise<void> => {
    looks += 1;
    interrupt.abort();
  };
  const never = (): Promise<never> => new Promise(() => undefined);
  const { hasEnded } = await watchUntilEnd(attended(interrupt.signal), never, look, 50);
  expect({ hasEnded, looks }).toEqual({ hasEnded: false, looks: 1 });
});
