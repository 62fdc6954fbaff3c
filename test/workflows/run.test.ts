import { ApplicationFailure, Context } from '@temporalio/activity';
import { WorkflowFailedError } from '@temporalio/client';
import { describe, expect, test, vi } from 'vitest';
import { startReselection } from '../../client/runs/runs.ts';
import { ArtifactMismatchError, InvalidDatasetError, NumericalError } from '../../contracts/failures.ts';
import type { GradientShard, GradientShardInput } from '../../contracts/messages/gradients.ts';
import type { KeepLastRunInput, RunResult, StageProgress } from '../../contracts/messages/run.ts';
import type { AdapterResult, FinetuneInput } from '../../contracts/messages/training.ts';
import { COMPUTE_QUEUE, CONTROL_QUEUE } from '../../contracts/queues.ts';
import { STAGES } from '../../contracts/stages.ts';
import type { Stage } from '../../contracts/stages.ts';
import { fakeActivities, honestCompute, untilCancelled } from './fake-activities.ts';
import type { Activities } from './fake-activities.ts';
import { CONFIG, failureType, refusalOf, start, statesOf } from './start-runs.ts';
import { useTestServer } from './use-test-server.ts';

const server = useTestServer();

/** Activities that each stage adds, in order; one shard a table. */
const ACTIVITIES: readonly [Stage, string[]][] = [
  ['dataset', ['scanRows']],
  ['warmup', ['tuneReference']],
  ['gradients', ['planGradients', 'computeGradientShard', 'closeGradients']],
  ['values', ['estimateValues']],
  ['allocation', ['allocateRows']],
  ['selection', ['selectRows']],
  ['finetune', ['finetuneModel']],
  ['evaluation', []],
  ['report', ['writeReport']],
];
/** No test rows: one method, and nothing side by side. */
const ALONE = { ...CONFIG, evaluation: { ...CONFIG.evaluation, path: null } };

const ROWS = 'rows(dataset)';
const ADAPTER = `warmup(${ROWS})`;
const TABLE = `gradients(${ROWS},${ADAPTER})`;
const VALUES = `values(${ROWS},${TABLE})`;

describe('a run', () => {
  test('calls the nine stages in order, each with what the ones before it have made', async () => {
    const fakes = fakeActivities({ shardCount: 1 });
    const result = await server().play(fakes, async () => (await start(server().client, 'nine')).result());
    const firsts = [...new Set(fakes.names())].filter((name) => name !== 'evaluateModel');
    expect(firsts).toEqual(ACTIVITIES.flatMap(([, names]) => names));
    expect(result.values!.values.uri).toBe(VALUES);
    const [tive, random] = result.methods;
    expect(tive!.selection!.selection.uri).toBe(`selection(tive,${VALUES})`);
    expect(random!.selection!.selection.uri).toBe(`selection(random,${VALUES})`);
    const adapter = `finetune(${ROWS},selection(tive,${VALUES}))`;
    expect(tive!.finetune!.adapter.uri).toBe(adapter);
    expect(tive!.evaluation!.outcomes.uri).toBe(`evaluation(rows(evaluation),${adapter})`);
    expect(result.baseEvaluation!.outcomes.uri).toBe('evaluation(rows(evaluation),base)');
    expect(result.report!.report.uri).toBe('report(nine)');
    expect(result.stages.map(({ stage }) => stage)).toEqual(STAGES);
    expect(new Set(Object.values(statesOf(result.stages)))).toEqual(new Set(['done']));
    expect(result.reselection).toBeNull();
    expect(fakes.count('readLastRun') + fakes.count('keepLastRun')).toBe(0);
    expect(fakes.calls.at(-1)).toEqual({ name: 'keepResult', input: { result } });
  });

  test('sends heavy work to the compute queue and light work to the control queue', async () => {
    const queues = new Map<string, string>();
    const note = (name: string): void => void queues.set(name, Context.current().info.taskQueue);
    const fakes = fakeActivities({ shardCount: 1 }, {}, note);
    await server().play(fakes, async () => (await start(server().client, 'queues')).result());
    const light = [...queues].filter(([, queue]) => queue === CONTROL_QUEUE).map(([name]) => name);
    expect(light.sort()).toEqual(['allocateRows', 'estimateValues', 'keepResult', 'selectRows', 'writeReport']);
    expect(new Set(queues.values())).toEqual(new Set([CONTROL_QUEUE, COMPUTE_QUEUE]));
  });

  test.each(STAGES)('until %s calls nothing that comes after it', async (until) => {
    const fakes = fakeActivities({ shardCount: 1 });
    const { stages } = await server().play(fakes, async () =>
      (await start(server().client, `until-${until}`, { until, config: ALONE })).result(),
    );
    const last = STAGES.indexOf(until);
    expect(fakes.names()).toEqual(ACTIVITIES.slice(0, last + 1).flatMap(([, names]) => names));
    stages.forEach(({ state }, index) => {
      // Evaluation has no rows here, so it is skipped in any case.
      if (STAGES[index] !== 'evaluation') expect(state).toBe(index <= last ? 'done' : 'skipped');
    });
  });

  test('two starts of one name are one run', async () => {
    const fakes = fakeActivities({ shardCount: 1 });
    const [first, second] = await server().play(fakes, async () => {
      const both = await Promise.all([start(server().client, 'twice'), start(server().client, 'twice')]);
      return Promise.all(both.map(({ result }) => result()));
    });
    expect(second).toEqual(first);
    expect(fakes.inputs('scanRows').filter(({ source }) => source === 'dataset')).toHaveLength(1);
  });

  test('tells at each stage what is done, in work and to come', async () => {
    const seen = new Map<string, StageProgress[]>();
    const look = async (name: string): Promise<void> => {
      const id = Context.current().info.workflowExecution!.workflowId.replace('tive-gradients/work/0', 'tive-progress');
      seen.set(name, await server().client.workflow.getHandle(id).query<StageProgress[]>('progress'));
    };
    const fakes = fakeActivities({ shardCount: 1 }, {}, look);
    await server().play(fakes, async () => (await start(server().client, 'progress', { config: ALONE })).result());
    for (const [stage, names] of ACTIVITIES) {
      for (const name of names) {
        const states = STAGES.map((each) => statesOf(seen.get(name)!)[each]);
        const place = STAGES.indexOf(stage);
        expect(states[place], name).toBe('running');
        for (const state of states.slice(0, place)) expect(state, name).toMatch(/done|running|skipped/);
        // Selection of a method follows its allocation at once, so both are in work together.
        expect(new Set(states.slice(stage === 'allocation' ? place + 2 : place + 1)), name).toEqual(
          new Set(stage === 'report' ? [] : ['waiting']),
        );
      }
    }
    const shard = seen.get('computeGradientShard')!.find(({ stage }) => stage === 'gradients');
    expect(shard).toMatchObject({ doneCount: 0, totalCount: 1 });
  });

  test('with more shards than one message can name ends before any heavy work, and says what to do', async () => {
    const fakes = fakeActivities({ shardCount: 20_000 });
    const error = await server().play(fakes, async () =>
      refusalOf((await start(server().client, 'many-shards')).result()),
    );
    expect(failureType(error)).toBe('InvalidConfigError');
    expect(String((error as Error).cause)).toContain(
      'gradients.shard_rows: must give at most 8,000 shards, got 20,000',
    );
    expect(fakes.names()).toEqual(['scanRows']);
  });
});

describe('failures', () => {
  test("a caller's error ends the run at its first attempt, and marks the stage that was in work", async () => {
    const fakes = fakeActivities(
      {},
      { tuneReference: () => Promise.reject(new InvalidDatasetError('dataset: must have rows, got none')) },
    );
    const { error, stages } = await server().play(fakes, async () => {
      const run = await start(server().client, 'caller');
      const refused = await refusalOf(run.result());
      return { error: refused, stages: await run.workflow.query<StageProgress[]>('progress') };
    });
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect(failureType(error)).toBe('InvalidDatasetError');
    expect(fakes.names()).toEqual(['scanRows', 'scanRows', 'tuneReference']);
    expect(statesOf(stages)).toMatchObject({ dataset: 'done', warmup: 'failed', gradients: 'waiting' });
  });

  test('passing trouble is retried, and the run goes on', async () => {
    const soon = ApplicationFailure.create({ type: 'WorkerDraining', category: 'BENIGN', nextRetryDelay: '10ms' });
    const trouble = [new Error('read ECONNRESET'), soon];
    const { tuneReference } = honestCompute({});
    const fakes = fakeActivities(
      { shardCount: 1 },
      {
        tuneReference: (input) => {
          const error = trouble.shift();
          return error === undefined ? tuneReference(input) : Promise.reject(error);
        },
      },
    );
    const result = await server().play(fakes, async () =>
      (await start(server().client, 'trouble', { until: 'gradients' })).result(),
    );
    expect(fakes.count('tuneReference')).toBe(3);
    expect(result.gradients!.gradients.uri).toBe(TABLE);
  });

  test('cancelling reaches the shards in work and waits for their checkpoints', async () => {
    const { instead, working, committed } = untilCancelled<GradientShardInput, GradientShard>();
    const fakes = fakeActivities({ shardCount: 5 }, { computeGradientShard: instead });
    const { error, stages } = await server().play(fakes, async () => {
      const run = await start(server().client, 'cancelled');
      await vi.waitFor(() => expect(working).toHaveLength(2), { timeout: 10_000, interval: 20 });
      await run.workflow.cancel();
      const refused = await refusalOf(run.result());
      // Before the run ended: with TRY_CANCEL the workflow would close first, and nothing could be committed.
      expect(committed).toEqual(['cancelRequested', 'cancelRequested']);
      return { error: refused, stages: await run.workflow.query<StageProgress[]>('progress') };
    });
    expect(failureType(error)).toBe('CancelledFailure');
    expect(fakes.count('computeGradientShard')).toBe(2);
    expect(fakes.count('closeGradients')).toBe(0);
    expect(statesOf(stages)).toMatchObject({ warmup: 'done', gradients: 'failed', values: 'waiting' });
  });

  test('cancelling waits for every method that is fine-tuned', async () => {
    const { instead, working, committed } = untilCancelled<FinetuneInput, AdapterResult>();
    const fakes = fakeActivities({ shardCount: 1 }, { finetuneModel: instead });
    await server().play(fakes, async () => {
      const run = await start(server().client, 'cancelled-late');
      await vi.waitFor(() => expect(working).toHaveLength(2), { timeout: 10_000, interval: 20 });
      await run.workflow.cancel();
      expect(failureType(await refusalOf(run.result()))).toBe('CancelledFailure');
    });
    expect(committed).toEqual(['cancelRequested', 'cancelRequested']);
  });

  test('of one method let the others finish: their work is in the store when the run is started again', async () => {
    const { finetuneModel } = honestCompute({});
    const order: string[] = [];
    let fail = (): void => undefined;
    const failed = new Promise<void>((resolve) => (fail = resolve));
    const fakes = fakeActivities(
      { shardCount: 1 },
      {
        finetuneModel: async (input) => {
          if (input.selection.uri.startsWith('selection(tive')) {
            order.push('tive fails');
            fail();
            throw new NumericalError('finetune: loss must be finite, got NaN at step 3');
          }
          await failed;
          order.push('random is done');
          return finetuneModel(input);
        },
      },
    );
    const error = await server().play(fakes, async () => refusalOf((await start(server().client, 'one')).result()));
    expect(failureType(error)).toBe('NumericalError');
    expect(order).toEqual(['tive fails', 'random is done']);
    expect(fakes.count('evaluateModel')).toBe(2);
  });
});

describe('an incremental run', () => {
  let ran: Promise<RunResult> | undefined;
  /** An ordinary run, once for all. */
  const first = (): Promise<RunResult> =>
    (ran ??= server().play(fakeActivities({ shardCount: 1 }), async () =>
      (await start(server().client, 'ordinary')).result(),
    ));
  const again = async (
    runName: string,
    facts: Parameters<typeof fakeActivities>[0],
    instead: Partial<Activities> = {},
    config = CONFIG,
  ): Promise<{ result: RunResult; fakes: ReturnType<typeof fakeActivities> }> => {
    const fakes = fakeActivities({ shardCount: 1, ...facts }, instead);
    const result = await server().play(fakes, async () =>
      (await start(server().client, runName, { incremental: true, config })).result(),
    );
    return { result, fakes };
  };

  test('without a last run is an ordinary one, and is kept with its fingerprint', async () => {
    const { result, fakes } = await again('incremental-first', { fingerprint: 'abc' });
    expect(fakes.names().slice(0, 3)).toEqual(['readLastRun', 'fingerprintDataset', 'scanRows']);
    expect(fakes.count('planNewRows')).toBe(0);
    expect(fakes.names().at(-1)).toBe('keepLastRun');
    const [{ last, runName }] = fakes.inputs('keepLastRun') as [KeepLastRunInput];
    expect(runName).toBe('incremental-first');
    expect(last.fingerprint).toBe('abc');
    expect(last.startedAtMs).toBeGreaterThan(Date.now() - 60_000);
    expect(last.result).toEqual(result);
  });

  test('on unchanged data asks for the fingerprint alone, and repeats the last result', async () => {
    const result = await first();
    const last = { fingerprint: 'first', startedAtMs: 1, result };
    const { result: repeated, fakes } = await again('unchanged', { last });
    expect(fakes.names()).toEqual(['readLastRun', 'fingerprintDataset']);
    expect(repeated.methods).toEqual(result.methods);
    expect(repeated.reselection).toMatchObject({ unchanged: true, referenceModel: 'kept', newFraction: 0 });
    expect(new Set(Object.values(statesOf(repeated.stages)))).toEqual(new Set(['cached']));
  });

  test('keeps the reference model while few rows are new, and takes gradients of the new rows alone', async () => {
    const last = { fingerprint: 'before', startedAtMs: 1, result: await first() };
    const { result, fakes } = await again('kept', { last });
    expect(fakes.count('tuneReference')).toBe(0);
    expect(fakes.inputs('planNewRows')[0]).toMatchObject({ tables: [{ uri: TABLE }], adapter: { uri: ADAPTER } });
    expect(fakes.inputs('planGradients')[0]).toMatchObject({
      rows: { uri: `new(${ROWS})` },
      adapter: { uri: ADAPTER },
    });
    const added = `gradients(new(${ROWS}),${ADAPTER})`;
    expect(result.gradients).toMatchObject({ gradients: { uri: added }, reused: [{ uri: TABLE }] });
    expect(result.values!.values.uri).toBe(`values(${ROWS},${added},${TABLE})`);
    expect(result.reselection).toMatchObject({
      referenceModel: 'kept',
      reason: '10.0 % of the rows are new, within the limit of 25.0 %',
      change: { enteredCount: 2, jaccard: 8 / 12 },
    });
    expect(statesOf(result.stages)).toMatchObject({ warmup: 'cached', gradients: 'done' });
    expect(fakes.names().at(-1)).toBe('keepLastRun');
  });

  test('with rows removed alone computes no gradient', async () => {
    const last = { fingerprint: 'before', startedAtMs: 1, result: await first() };
    const plan = {
      refusal: null,
      newRows: null,
      newRowCount: 0,
      keptRowCount: 90,
      removedRowCount: 10,
      quarantined: [],
    };
    const { result, fakes } = await again('removed', { last }, { planNewRows: async () => plan });
    expect(fakes.count('planGradients') + fakes.count('computeGradientShard')).toBe(0);
    expect(result.gradients!.gradients.uri).toBe(TABLE);
    expect(statesOf(result.stages).gradients).toBe('cached');
  });

  test.each([
    ['tables that do not fit', { refusal: 'taken with another engine' }, 'taken with another engine'],
    ['many new rows', { newRowCount: 26 }, '26.0 % of the rows are new, above the limit of 25.0 %'],
  ])('with %s tunes the reference model again, and says why', async (_, plan, reason) => {
    const name = reason.replace(/\W+/g, '-').slice(0, 20);
    const last = { fingerprint: 'before', startedAtMs: 1, result: await first() };
    const { planNewRows } = honestCompute({});
    const { result, fakes } = await again(
      name,
      { last },
      { planNewRows: async (input) => ({ ...(await planNewRows(input)), ...plan }) },
    );
    expect(fakes.count('tuneReference')).toBe(1);
    expect(result.gradients).toMatchObject({ gradients: { uri: TABLE }, reused: [] });
    expect(result.reselection).toMatchObject({ referenceModel: 'tuned_again', reason });
  });

  test('with another setting of the reference model does not even compare rows', async () => {
    const last = { fingerprint: 'first', startedAtMs: 1, result: await first() };
    const config = { ...CONFIG, warmup: { ...CONFIG.warmup, epochs: 9 } };
    const { result, fakes } = await again('setting', { last }, {}, config);
    expect(fakes.count('planNewRows')).toBe(0);
    expect(fakes.count('tuneReference')).toBe(1);
    expect(result.reselection!.reason).toBe('settings of the reference model have changed');
  });
});

describe('a reselection', () => {
  test('calls light activities only, on the gradients that are there', async () => {
    const config = { ...CONFIG, selection: { ...CONFIG.selection, lambda: 9 } };
    const base = await server().play(fakeActivities(), async () => (await start(server().client, 'base')).result());
    const fakes = fakeActivities();
    const result = await server().play(fakes, async () =>
      (await startReselection(server().client, { runName: 'reselected', config }, base)).result(),
    );
    expect(fakes.names()).toEqual(['estimateValues', 'allocateRows', 'selectRows', 'writeReport']);
    expect(fakes.calls.at(-1)).toEqual({ name: 'keepResult', input: { result } });
    expect(fakes.inputs('selectRows')[0]).toMatchObject({
      config: { selection: { lambda: 9 } },
      values: { uri: VALUES },
    });
    expect(result.gradients).toEqual(base.gradients);
    expect(statesOf(result.stages)).toMatchObject({ gradients: 'cached', selection: 'done', finetune: 'skipped' });
  });

  test('that fails marks the stage that was in work', async () => {
    const base = await server().play(fakeActivities(), async () => (await start(server().client, 'sound')).result());
    const error = new ArtifactMismatchError('values: hash must be 1f…, got 2e…');
    const fakes = fakeActivities({}, { selectRows: () => Promise.reject(error) });
    const stages = await server().play(fakes, async () => {
      const options = { runName: 'mismatch', config: CONFIG };
      const { workflow, result } = await startReselection(server().client, options, base);
      expect(failureType(await refusalOf(result()))).toBe('ArtifactMismatchError');
      return workflow.query<StageProgress[]>('progress');
    });
    expect(statesOf(stages)).toMatchObject({ values: 'done', selection: 'failed' });
  });

  test('from a run without gradients is refused', async () => {
    const fakes = fakeActivities({ shardCount: 1 });
    const error = await server().play(fakes, async () => {
      const base = await (await start(server().client, 'no-gradients', { until: 'warmup' })).result();
      return refusalOf(
        (await startReselection(server().client, { runName: 'refused', config: CONFIG }, base)).result(),
      );
    });
    expect(failureType(error)).toBe('RangeError');
    expect(String((error as Error).cause)).toContain('select: run must have gradients, got none in no-gradients');
  });
});
