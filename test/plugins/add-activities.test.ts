import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { SimplePlugin } from '@temporalio/plugin';
import type { Worker } from '@temporalio/worker';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ModelHost } from '../../activities/shared/model-host.ts';
import { addActivities } from '../../plugins/add-activities.ts';
import { COMPUTE_QUEUE, CONTROL_QUEUE, TiveComputePlugin, TiveControlPlugin } from '../../plugins/index.ts';
import { createStoreOpener } from '../../plugins/open-store.ts';

const first = (): string => 'first';
const second = (): string => 'second';

describe('addActivities', () => {
  test('keeps the activities that the worker has', () => {
    expect(addActivities({ first })({ second })).toEqual({ first, second });
    expect(addActivities({ first })()).toEqual({ first });
  });

  test('changes neither side', () => {
    const [mine, existing] = [{ first }, { second }];
    addActivities(mine)(existing);
    expect([mine, existing]).toEqual([{ first }, { second }]);
  });

  test('refuses names that are taken, naming all of them', () => {
    const taken = (): unknown => addActivities({ first, second, third: first })({ second: first, first: second });
    expect(taken).toThrow(TypeError);
    expect(taken).toThrow('addActivities: names must be unique, registered twice: first, second (was the plugin');
  });
});

function activityNames(plugin: SimplePlugin, activities?: object): string[] {
  const options = plugin.configureWorker({ taskQueue: 'any', ...(activities === undefined ? {} : { activities }) });
  return Object.keys(options.activities ?? {});
}

/** Activities that the workflows call: `compute.name.executeWithOptions` and `compute.name(`, `control` likewise. */
function calledNames(proxy: 'compute' | 'control'): string[] {
  const folder = join(import.meta.dirname, '../../workflows');
  const text = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'))
    .join('\n');
  const calls = text.matchAll(new RegExp(`\\b${proxy}\\s*\\.(\\w+)\\s*(?:\\.executeWithOptions)?\\(`, 'g'));
  return [...new Set([...calls].map(([, name]) => name!))];
}

describe.each([
  ['TiveComputePlugin', TiveComputePlugin, 'compute'],
  ['TiveControlPlugin', TiveControlPlugin, 'control'],
] as const)('%s', (_, Plugin, proxy) => {
  test('registers exactly the activities that the workflows call', () => {
    const called = calledNames(proxy);
    expect(called.length).toBeGreaterThanOrEqual(4);
    expect(activityNames(new Plugin()).sort()).toEqual(called.sort());
  });

  test('keeps the user’s activities', () => {
    expect(activityNames(new Plugin(), { first })).toEqual(['first', ...activityNames(new Plugin())]);
  });

  test('refuses to be passed twice', () => {
    const plugin = new Plugin();
    const { activities } = plugin.configureWorker({ taskQueue: 'any' });
    expect(() => plugin.configureWorker({ taskQueue: 'any', activities: activities! })).toThrow(
      /registered twice: \w+(, \w+)+ \(was the plugin passed to both/,
    );
  });

  test('leaves the user’s workflows alone', () => {
    const options = new Plugin().configureWorker({ taskQueue: 'any', workflowsPath: '/mine.js' });
    expect([options.workflowsPath, options.workflowBundle]).toEqual(['/mine.js', undefined]);
  });
});

test('the two plugins share no name, so that one worker may have both', () => {
  const both = activityNames(
    new TiveComputePlugin(),
    new TiveControlPlugin().configureWorker({ taskQueue: 'any' }).activities,
  );
  expect(both).toHaveLength(new Set(both).size);
  expect(both.sort()).toEqual([...calledNames('compute'), ...calledNames('control')].sort());
  expect([COMPUTE_QUEUE, CONTROL_QUEUE]).toEqual(['tive-compute', 'tive-control']);
});

test.each([
  ['ends', () => Promise.resolve()],
  ['fails', () => Promise.reject(new Error('connection lost'))],
])('the compute plugin frees its models when the worker %s', async (how, run) => {
  const dispose = vi.spyOn(ModelHost.prototype, 'dispose');
  onTestFinished(() => void dispose.mockRestore());
  const seen: number[] = [];
  const worker = {} as Worker;
  const result = await new TiveComputePlugin()
    .runWorker(worker, () => {
      seen.push(dispose.mock.calls.length);
      return run();
    })
    .catch((error: unknown) => error);
  expect(seen).toEqual([0]);
  expect(dispose).toHaveBeenCalledTimes(1);
  expect(result).toEqual(how === 'fails' ? new Error('connection lost') : undefined);
});

test('a store is opened once for each address', () => {
  const openStore = createStoreOpener();
  expect(openStore('/stores/a')).toBe(openStore('/stores/a'));
  expect(openStore('/stores/a')).not.toBe(openStore('/stores/b'));
  expect(createStoreOpener()('/stores/a')).not.toBe(openStore('/stores/a'));
});
