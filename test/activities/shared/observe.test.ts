import type { MetricMeter, MetricTags } from '@temporalio/common';
import { WorkflowFailedError } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { LogEntry } from '@temporalio/worker';
import { describe, expect, test, vi } from 'vitest';
import { startPulse } from '../../../activities/shared/heartbeat.ts';
import { countRows } from '../../../activities/shared/metrics.ts';
import type { MetricName } from '../../../activities/shared/metrics.ts';
import { COMPUTE_STAGES, CONTROL_STAGES } from '../../../activities/activity-stages.ts';
import { observeActivities } from '../../../activities/shared/observe.ts';
import { damageOf } from '../../../client/runs/mend-store.ts';
import { STAGES } from '../../../contracts/stages.ts';
import { TiveComputePlugin, TiveControlPlugin } from '../../../plugins/index.ts';
import { damaged } from '../../../store/verified.ts';

interface Sample {
  name: string;
  value: number;
  labels: MetricTags;
}

const TEMPORAL_LABELS = ['namespace', 'taskQueue', 'activityType'];

/** A meter that keeps every sample, without the labels that Temporal adds. */
function recordingMeter(): { meter: MetricMeter; samples: Sample[] } {
  const samples: Sample[] = [];
  const record =
    (name: string) =>
    (value: number, labels: MetricTags = {}): void => {
      const own = Object.entries(labels).filter(([label]) => !TEMPORAL_LABELS.includes(label));
      samples.push({ name, value, labels: Object.fromEntries(own) });
    };
  const meter = {
    createCounter: (name: string) => ({ name, kind: 'counter', add: record(name) }),
    createGauge: (name: string) => ({ name, kind: 'gauge', set: record(name) }),
  };
  return { meter: meter as unknown as MetricMeter, samples };
}

/** Runs an activity under the interceptor, as a worker would. */
async function observed(
  activityType: string,
  argument: object,
  activity: () => unknown,
  info: { heartbeatTimeoutMs?: number } = {},
): Promise<{ samples: Sample[]; log: LogEntry[]; heartbeats: unknown[]; error: unknown }> {
  const { meter, samples } = recordingMeter();
  const log: LogEntry[] = [];
  const environment = new MockActivityEnvironment(
    { activityType, attempt: 2, ...info },
    {
      interceptors: [observeActivities({ ...COMPUTE_STAGES, ...CONTROL_STAGES })],
      metricMeter: meter,
      logger: new DefaultLogger('INFO', (entry) => log.push(entry)),
    },
  );
  const heartbeats: unknown[] = [];
  environment.on('heartbeat', (details: unknown) => void heartbeats.push(details));
  const error = await environment
    .run(async () => Promise.resolve(activity()), argument)
    .then(
      () => null,
      (thrown: unknown) => thrown,
    );
  return { samples, log, heartbeats, error };
}

const of = (samples: Sample[], name: MetricName): Omit<Sample, 'name'>[] =>
  samples.filter((sample) => sample.name === name).map(({ value, labels }) => ({ value, labels }));

const input = { config: { run: { name: 'small' } }, shard: 3 };
const quarantined = [
  { reason: 'image_missing', count: 2 },
  { reason: 'answer_empty', count: 1 },
];

describe('counters', () => {
  test('rows are counted by stage, as often as they are worked through', async () => {
    const { samples } = await observed('computeGradientShard', input, () => {
      countRows('gradients', 8);
      countRows('gradients', 5);
      return { cached: false, quarantined: [] };
    });
    expect(of(samples, 'tive_rows_total')).toEqual([
      { value: 8, labels: { stage: 'gradients' } },
      { value: 5, labels: { stage: 'gradients' } },
    ]);
  });

  test.each([false, true])(
    'a finished shard counts once, cached: %s, and its quarantined rows when it is new',
    async (cached) => {
      const { samples } = await observed('computeGradientShard', input, () => ({ cached, quarantined }));
      expect(of(samples, 'tive_shards_total')).toEqual([{ value: 1, labels: { cached: String(cached) } }]);
      expect(of(samples, 'tive_quarantined_rows_total')).toHaveLength(cached ? 0 : 2);
      expect(of(samples, 'tive_cache_hits_total')).toEqual([]);
    },
  );

  test('rows that the scan sets aside count by reason, and not again where the scan is cached', async () => {
    const scan = (cached: boolean) =>
      observed('scanRows', { ...input, source: 'dataset' }, () => ({ cached, quarantined }));
    expect(of((await scan(false)).samples, 'tive_quarantined_rows_total')).toEqual([
      { value: 2, labels: { stage: 'dataset', reason: 'image_missing' } },
      { value: 1, labels: { stage: 'dataset', reason: 'answer_empty' } },
    ]);
    const again = (await scan(true)).samples;
    expect(of(again, 'tive_quarantined_rows_total')).toEqual([]);
    expect(of(again, 'tive_cache_hits_total')).toEqual([{ value: 1, labels: { stage: 'dataset' } }]);
  });

  test('closing a table counts its quarantined rows no second time', async () => {
    const { samples } = await observed('closeGradients', input, () => ({ cached: false, quarantined }));
    expect(of(samples, 'tive_quarantined_rows_total')).toEqual([]);
  });

  test('test rows belong to the evaluation, and a plan that finds the table is a cache hit', async () => {
    const scan = await observed('scanRows', { ...input, source: 'evaluation' }, () => ({ cached: true }));
    expect(of(scan.samples, 'tive_cache_hits_total')).toEqual([{ value: 1, labels: { stage: 'evaluation' } }]);
    const found = await observed('planGradients', input, () => ({ finished: { cached: true } }));
    expect(of(found.samples, 'tive_cache_hits_total')).toEqual([{ value: 1, labels: { stage: 'gradients' } }]);
    const missing = await observed('planGradients', input, () => ({ finished: null }));
    expect(of(missing.samples, 'tive_cache_hits_total')).toEqual([]);
  });
});

describe('gauges', () => {
  test('the age of the checkpoint grows until work is committed, starts anew after it, and is 0 at the end', async () => {
    let nowMs = 1000;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
    const { samples } = await observed('finetuneModel', input, async () => {
      const pulse = startPulse('finetune', 'training');
      nowMs += 40;
      await pulse.breathe();
      nowMs += 2;
      await pulse.committed(1, 2);
      nowMs += 3;
      await pulse.breathe();
      return { cached: false };
    });
    clock.mockRestore();
    const ages = of(samples, 'tive_checkpoint_age_seconds');
    expect(ages.every(({ labels }) => labels['stage'] === 'finetune')).toBe(true);
    expect(ages.map(({ value }) => value)).toEqual([0.04, 0.042, 0.003, 0]);
  });

  test('it is 0 as well after an activity that failed', async () => {
    const { samples, error } = await observed('finetuneModel', input, () => Promise.reject(new Error('disk full')));
    expect(error).toMatchObject({ message: 'disk full' });
    expect(of(samples, 'tive_checkpoint_age_seconds')).toEqual([{ value: 0, labels: { stage: 'finetune' } }]);
  });

  test('an attempt that fails because the store is away is not one without progress', async () => {
    const { heartbeats } = await observed('finetuneModel', input, () => {
      startPulse('finetune', 'training');
      return Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
    });
    const checkpoint = { stage: 'finetune', doneCount: 0, totalCount: 0 };
    expect(heartbeats).toEqual([1, 2].map((movedAtAttempt) => ({ ...checkpoint, movedAtAttempt })));
  });

  test('an attempt that fails by itself tells the next one how', async () => {
    const { heartbeats } = await observed('finetuneModel', input, () => {
      startPulse('finetune', 'training');
      return Promise.reject(new Error('EISDIR: illegal operation on a directory, read'));
    });
    const checkpoint = { stage: 'finetune', doneCount: 0, totalCount: 0, movedAtAttempt: 1 };
    const lastError = { attempt: 2, message: 'EISDIR: illegal operation on a directory, read' };
    expect(heartbeats).toEqual([checkpoint, { ...checkpoint, lastError }]);
  });

  test('damage of the store travels with the artifact’s address and both hashes, and is not retried', async () => {
    const damage = { uri: 'artifacts/values/3f', name: 'values.arrow', expected: '1a', found: null };
    const { error } = await observed('selectRows', input, () => Promise.reject(damaged(damage)));
    expect(error).toMatchObject({ type: 'DamagedArtifactError', nonRetryable: true, details: [damage] });
    expect(damageOf(new WorkflowFailedError('failed', error as Error, 'NON_RETRYABLE_FAILURE'))).toEqual(damage);
  });

  test('an event loop that stands still for more than a quarter of the heartbeat timeout is measured and told once', async () => {
    const blocked = (): object => {
      block(150);
      return { cached: false };
    };
    const { samples, log } = await observed('evaluateModel', input, blocked, { heartbeatTimeoutMs: 400 });
    const [delay] = of(samples, 'tive_event_loop_delay_p99_milliseconds');
    expect(delay!.value).toBeGreaterThanOrEqual(150);
    const warnings = log.filter(({ level }) => level === 'WARN');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]!.message).toMatch(
      /^event loop: delays must stay below 100 ms for heartbeats to arrive in time, got \d+; lower gradients.token_budget/,
    );
    const patient = await observed('evaluateModel', input, blocked, { heartbeatTimeoutMs: 120_000 });
    expect(patient.log.filter(({ level }) => level === 'WARN')).toEqual([]);
  });
});

describe('log', () => {
  test('every line of an activity says run, stage, shard and attempt', async () => {
    const { log } = await observed('computeGradientShard', input, () => ({ cached: false, quarantined: [] }));
    expect(log.map(({ message }) => message)).toEqual(['activity started', 'activity finished']);
    for (const { meta } of log) expect(meta).toMatchObject({ run: 'small', stage: 'gradients', shard: 3, attempt: 2 });
    expect(log[1]!.meta).toMatchObject({ run: 'small', stage: 'gradients', shard: 3, attempt: 2, cached: false });
  });

  test('a failure says them too', async () => {
    const { log } = await observed('computeGradientShard', input, () => Promise.reject(new Error('disk full')));
    expect(log.map(({ message }) => message)).toEqual(['activity started', 'Activity failed']);
    expect(log[1]!.meta).toMatchObject({ run: 'small', stage: 'gradients', shard: 3, attempt: 2 });
  });
});

describe('who is observed', () => {
  test('every activity of both plugins has a stage, and nothing else has', () => {
    const names = [new TiveComputePlugin(), new TiveControlPlugin()].flatMap((plugin) =>
      Object.keys(plugin.configureWorker({ taskQueue: 'any' }).activities ?? {}),
    );
    const stages = { ...COMPUTE_STAGES, ...CONTROL_STAGES };
    expect(Object.keys(stages).sort()).toEqual(names.sort());
    for (const stage of Object.values(stages)) expect(STAGES).toContain(stage);
  });

  test('activities of others pass untouched', async () => {
    const { samples, log } = await observed('theirs', input, () => ({ cached: true }));
    expect([samples, log]).toEqual([[], []]);
  });

  test('the plugins keep the worker’s own interceptors and add two each, for their own activities', () => {
    const own = (): object => ({});
    const options = { taskQueue: 'any', interceptors: { activity: [own] } };
    const first = new TiveComputePlugin().configureWorker(options);
    const both = new TiveControlPlugin().configureWorker(first).interceptors?.activity ?? [];
    expect(both).toHaveLength(5);
    expect(both[0]).toBe(own);
    const observing = (activityType: string): boolean[] =>
      both.slice(1).map((factory) => {
        const context = { info: { activityType } } as unknown as Parameters<typeof factory>[0];
        return Object.keys(factory(context)).length > 0;
      });
    expect(observing('scanRows')).toEqual([true, true, false, false]);
    expect(observing('selectRows')).toEqual([false, false, true, true]);
    expect(observing('toString')).toEqual([false, false, false, false]);
  });
});

/** Keeps the thread busy, as a calculation does. */
function block(forMs: number): void {
  const end = performance.now() + forMs;
  while (performance.now() < end);
}
