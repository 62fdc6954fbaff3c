// Leases of activities: who is at work in a store, and on what.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { leaseActivities } from '../../../activities/shared/leases.ts';
import { endLeases, readLeases, writeLease } from '../../../store/leases.ts';
import { LocalStore } from '../../../store/local-store.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-leases-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let store: LocalStore;
let count = 0;
beforeEach(() => {
  store = new LocalStore(join(root, String(count++)));
});

const config = { run: { name: 'small' }, store: { uri: 'any' } };

/** Runs an activity of a workflow under the interceptor. */
function leased(workflowId: string, argument: object, activity: () => Promise<unknown>, of = store): Promise<unknown> {
  const info = { activityType: 'tuneReference', activityId: '7', workflowExecution: { workflowId, runId: 'r' } };
  const interceptors = [leaseActivities({ tuneReference: 'warmup' }, () => of)];
  const environment = new MockActivityEnvironment(info, { interceptors, logger: new DefaultLogger('ERROR') });
  return environment.run(activity, argument);
}

describe('an activity', () => {
  const input = { config, rows: { uri: 'artifacts/dataset/aa' }, address: 'bb' };

  test('holds what it reads while it works, and leaves what it has made', async () => {
    await leased('tive-small', input, async () => {
      const [lease, ...others] = await readLeases(store);
      expect(others).toEqual([]);
      expect(lease).toMatchObject({ run: 'small', isAtWork: true });
      expect(lease!.uris).toEqual(['artifacts/dataset/aa', 'artifacts/gradients/bb']);
      expect(lease!.holder).toMatch(new RegExp(`/${process.pid}$`));
      return { adapter: { uri: 'artifacts/warmup/cc' } };
    });
    const [lease] = await readLeases(store);
    expect(lease).toMatchObject({ isAtWork: false });
    expect(lease!.uris).toContain('artifacts/warmup/cc');
    await endLeases(store, 'tive-small');
    expect(await readLeases(store)).toEqual([]);
  });

  test('that fails holds what it has read, since its run may try again', async () => {
    const failed = leased('tive-small', input, () => Promise.reject(new Error('broken')));
    await expect(failed).rejects.toThrow('broken');
    expect(await readLeases(store)).toMatchObject([
      { isAtWork: false, uris: ['artifacts/dataset/aa', 'artifacts/gradients/bb'] },
    ]);
  });

  test('of a child leaves nothing: the run itself knows the table', async () => {
    await leased('tive-gradients/ab/0', input, async () => {
      expect(await readLeases(store)).toHaveLength(1);
    });
    expect(await readLeases(store)).toEqual([]);
  });

  test('works on where the store is away, and where it has none', async () => {
    class Away extends LocalStore {
      override write(): Promise<never> {
        return Promise.reject(new Error('away'));
      }
    }
    expect(await leased('tive-small', input, () => Promise.resolve(5), new Away(root))).toBe(5);
    expect(await leased('tive-small', { workflowId: 'w' }, () => Promise.resolve(6))).toBe(6);
    expect(await readLeases(store)).toEqual([]);
  });
});

test('a lease that cannot be read, or that is as old as nobody waits, holds nothing', async () => {
  await store.write('leases/x/y/lease.json', [Buffer.from('{')]);
  expect(await readLeases(store)).toEqual([]);
  await writeLease(store, 'tive-a/b', 'x y', { run: 'a', holder: 'h/1', isAtWork: true, uris: [] });
  expect((await readLeases(store)).map(({ key }) => key)).toEqual(['leases/tive-a~b/x~y/lease.json']);
});
