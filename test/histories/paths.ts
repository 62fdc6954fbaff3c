import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { startReselection } from '../../client/runs/runs.ts';
import type { StartOptions } from '../../client/runs/runs.ts';
import type { BenchmarkConfig } from '../../contracts/config.ts';
import { InvalidDatasetError, NumericalError } from '../../contracts/failures.ts';
import type { GradientShard, GradientShardInput } from '../../contracts/messages/gradients.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { CONTROL_QUEUE } from '../../contracts/queues.ts';
import type { tiveBenchmark } from '../../workflows/benchmark.ts';
import { fakeActivities, honestCompute, untilCancelled } from '../workflows/fake-activities.ts';
import type { Activities, FakeFacts } from '../workflows/fake-activities.ts';
import { pagesOf } from '../workflows/histories.ts';
import { CONFIG, collectInput, refusalOf, start, startCollecting } from '../workflows/start-runs.ts';
import type { TestServer } from '../workflows/test-server.ts';

/** The server's hint for these recordings, in events: some twenty shards reach it. */
export const SUGGESTED_EVENTS = 60;

/** Plays one way through a workflow with fake activities, and gives what the server has written down. */
type Recording = (server: TestServer) => Promise<History>;

const { finetuneModel, planNewRows } = honestCompute({});

/** Every way through the workflows, by the name of its history. */
export const PATHS: Readonly<Record<string, Recording>> = {
  'whole-run': run({}),
  'test-rows-first': run({}),
  'until-selection': run({ options: { until: 'selection' } }),
  'result-in-store': run({ options: { until: 'selection' } }),
  'incremental-first': run({ options: { incremental: true } }),
  'incremental-kept': run({ options: { incremental: true }, last: 'before' }),
  'incremental-removed': run({
    options: { incremental: true },
    last: 'before',
    instead: {
      planNewRows: async (input) => ({ ...(await planNewRows(input)), newRows: null, newRowCount: 0 }),
    },
  }),
  'incremental-tuned-again': run({
    options: { incremental: true },
    last: 'before',
    instead: { planNewRows: async (input) => ({ ...(await planNewRows(input)), newRowCount: 60 }) },
  }),
  filtered: run({
    options: { until: 'selection', config: { ...CONFIG, selection: { ...CONFIG.selection, filters: ['loss_cut'] } } },
  }),
  queries: run({
    options: {
      until: 'selection',
      config: { ...CONFIG, selection: { ...CONFIG.selection, method: 'less', queries: 'evaluation' } },
    },
  }),
  'earlier-gradients': run({
    options: {
      until: 'selection',
      config: { ...CONFIG, selection: { ...CONFIG.selection, method: 'less', queryCheckpoints: 'all' } },
    },
    instead: {
      tuneReference: async ({ rows }) => ({
        adapter: rows,
        rowCount: 8,
        stepCount: 4,
        firstLoss: 2,
        lastLoss: 1,
        trajectory: [2, 4],
        trajectoryRates: [1, 0.5],
        cached: false,
      }),
    },
  }),
  unchanged: run({ options: { incremental: true }, last: 'first' }),
  reselect: async (server) => {
    const base = await ordinary(server);
    return server.play(fakeActivities(), async () => {
      const { workflow } = await startReselection(server.client, { runName: 'reselect', config: CONFIG }, base);
      await workflow.result();
      return historyOf(workflow);
    });
  },
  benchmark: benchmark({}),
  'benchmark-lds': benchmark({ lds: 2 }),
  'failed-run': run({
    instead: { tuneReference: () => Promise.reject(new InvalidDatasetError('dataset: must have rows, got none')) },
    ends: 'rejected',
  }),
  'failed-method': run({
    instead: {
      finetuneModel: (input) =>
        input.selection.uri.startsWith('selection(tive')
          ? Promise.reject(new NumericalError('finetune: loss must be finite, got NaN at step 3'))
          : finetuneModel(input),
    },
    ends: 'rejected',
  }),
  'cancelled-run': cancelled('tive-cancelled-run'),
  'collect-gradients-cancelled': cancelled('tive-gradients/work/0'),
  'shared-gradients': (server) => {
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const fakes = fakeActivities({ shardCount: 2 }, {}, (name) =>
      name === 'computeGradientShard' ? finished : undefined,
    );
    return server.play(fakes, async () => {
      const first = await start(server.client, 'sharing', { until: 'gradients' });
      while (fakes.count('computeGradientShard') === 0) await sleep(20);
      const second = await start(server.client, 'shared', { until: 'gradients' });
      while (fakes.count('awaitGradients') === 0) await sleep(20);
      finish();
      await Promise.all([first.result(), second.result()]);
      return historyOf(second.workflow);
    });
  },
  'collect-gradients-first-page': page(0),
  'collect-gradients-last-page': page(-1),
};

interface RunPath {
  options?: Partial<StartOptions>;
  instead?: Partial<Activities>;
  /** Fingerprint that the last run of the name was kept with. */
  last?: string;
  ends?: 'fulfilled' | 'rejected';
}

function run({ options = {}, instead = {}, last, ends = 'fulfilled' }: RunPath): Recording {
  return async (server) => {
    const facts: FakeFacts =
      last === undefined
        ? {}
        : { last: { fingerprint: last, startedAtMs: 1, result: await ordinary(server) }, fingerprint: 'first' };
    return server.play(fakeActivities(facts, instead), async () => {
      const { workflow, result } = await start(server.client, 'recorded', options);
      await (ends === 'fulfilled' ? result() : refusalOf(result()));
      return historyOf(workflow);
    });
  };
}

function benchmark(changes: Partial<BenchmarkConfig>): Recording {
  return (server) =>
    server.play(fakeActivities({ shardCount: 1 }), async () => {
      const config = { ...CONFIG, benchmark: { ...CONFIG.benchmark, seeds: 1, ...changes } };
      const around = { heartbeatTimeoutMs: 120_000, shardWindow: 2, seedWindow: 2 };
      const workflow = await server.client.workflow.start<typeof tiveBenchmark>('tiveBenchmark', {
        taskQueue: CONTROL_QUEUE,
        workflowId: 'tive-benchmark',
        args: [{ benchmarkName: 'benchmark', config, ...around }],
      });
      await workflow.result();
      return historyOf(workflow);
    });
}

/** An ordinary run to go on from. */
function ordinary(server: TestServer): Promise<RunResult> {
  return server.play(fakeActivities(), async () => (await start(server.client, 'ordinary')).result());
}

function cancelled(workflowId: string): Recording {
  return async (server) => {
    const { instead } = untilCancelled<GradientShardInput, GradientShard>();
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    return server.play(
      fakeActivities({ shardCount: 4 }, { computeGradientShard: instead }, (name) => {
        if (name === 'computeGradientShard') begin();
      }),
      async () => {
        const { workflow, result } = await start(server.client, 'cancelled-run');
        await begun;
        await workflow.cancel();
        await refusalOf(result());
        return historyOf(server.client.workflow.getHandle(workflowId));
      },
    );
  };
}

function page(index: number): Recording {
  return (server) =>
    server.play(fakeActivities(), async () => {
      const child = await startCollecting(server.client, 'collect', collectInput(30, 3));
      await child.result();
      const pages = await pagesOf(server.client, 'collect');
      if (pages.length < 2) throw new Error(`paths: chain must have pages, got ${pages.length}`);
      return pages.at(index)!.history;
    });
}

function historyOf(workflow: Pick<WorkflowHandle, 'fetchHistory'>): Promise<History> {
  return workflow.fetchHistory();
}
