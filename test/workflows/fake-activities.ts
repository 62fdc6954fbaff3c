import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { createAwaitGradientsActivities } from '../../activities/gradients/await.ts';
import type { GradientsResult } from '../../contracts/messages/gradients.ts';
import type { LastRun } from '../../contracts/messages/run.ts';
import type { AdapterResult, EvaluationResult } from '../../contracts/messages/training.ts';
import type { TaskValue } from '../../contracts/messages/values.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { ComputeActivities } from '../../activities/compute.ts';
import type { ControlActivities } from '../../activities/control.ts';

export type Activities = ComputeActivities & ControlActivities;

/** Any of them. */
export type Activity = (input: unknown) => unknown;

/** One call of an activity, attempts counted singly. */
export interface Call {
  name: keyof Activities;
  input: unknown;
}

/** Activities for both workers, and what workflows asked of them, in order. */
export interface Fakes {
  compute: ComputeActivities;
  control: ControlActivities;
  calls: Call[];
  /** Names of the stages' calls, in order: what keeps the result of any run is left out. */
  names(): string[];
  /** How often an activity was called. */
  count(name: keyof Activities): number;
  /** Inputs of an activity's calls, in order. */
  inputs<Name extends keyof Activities>(name: Name): Parameters<Activities[Name]>[0][];
}

/** What the fakes answer with. */
export interface FakeFacts {
  /** Shards of every gradient table. Default 2. */
  shardCount?: number;
  fingerprint?: string;
  /** What the store has kept of the run's name. */
  last?: LastRun | null;
}

/** A reference whose address tells what it was made from, e.g. `values(rows(dataset),gradients(…))`. */
export function made(what: string, ...from: (ArtifactReference | string)[]): ArtifactReference {
  const uri = `${what}(${from.map((source) => (typeof source === 'string' ? source : source.uri)).join(',')})`;
  return { uri, sha256: createHash('sha256').update(uri).digest('hex'), rowCount: 100, schemaVersion: 1 };
}

const TASKS: TaskValue[] = ['name', 'tell'].map((task) => ({
  task,
  rowCount: 50,
  value: 2,
  interval: [1.5, 2.5],
  meanLoss: 1,
  meanSupervisedTokens: 9,
}));

/** Fakes in the place of all activities: they answer at once, except those that are given. */
export function fakeActivities(
  facts: FakeFacts = {},
  instead: Partial<Activities> = {},
  /** Called inside each activity before it answers. */
  before: (name: string) => Promise<void> | void = () => undefined,
): Fakes {
  const calls: Call[] = [];
  const record = async (name: string, activity: Activity, input: unknown): Promise<unknown> => {
    calls.push({ name: name as keyof Activities, input });
    await before(name);
    return ((instead as Record<string, Activity>)[name] ?? activity)(input);
  };
  return {
    compute: mapActivities(honestCompute(facts), record),
    control: mapActivities(honestControl(facts), record),
    calls,
    names: () => calls.map(({ name }) => name).filter((name) => name !== 'keepResult'),
    count: (wanted) => calls.filter(({ name }) => name === wanted).length,
    inputs: (wanted) => calls.filter(({ name }) => name === wanted).map(({ input }) => input as never),
  };
}

/** An activity that works until it is cancelled, then takes a turn of the event loop to commit. */
export function untilCancelled<Input, Output>(): {
  instead: (input: Input) => Promise<Output>;
  working: Input[];
  committed: string[];
} {
  const working: Input[] = [];
  const committed: string[] = [];
  return {
    working,
    committed,
    instead: async (input) => {
      const context = Context.current();
      working.push(input);
      const pulse = setInterval(() => context.heartbeat(), 20);
      try {
        return await context.cancelled;
      } finally {
        clearInterval(pulse);
        await new Promise((resolve) => setImmediate(resolve));
        committed.push(context.cancellationDetails?.cancelRequested === true ? 'cancelRequested' : 'too late');
      }
    },
  };
}

/** Activities under the same names, each called through another function. */
export function mapActivities<Kind extends object>(
  activities: Kind,
  call: (name: string, activity: Activity, input: unknown) => unknown,
): Kind {
  const entries = Object.entries(activities) as [string, Activity][];
  return Object.fromEntries(entries.map(([name, each]) => [name, (input: unknown) => call(name, each, input)])) as Kind;
}

/** Heavy activities that answer at once. */
export function honestCompute({ shardCount = 2, fingerprint = 'first' }: FakeFacts): ComputeActivities {
  return {
    scanRows: async ({ source }) => ({
      rows: made('rows', source),
      rowCount: 103,
      usableCount: 100,
      tasks: TASKS.map(({ task }) => ({ task, rowCount: 50, usableCount: 50 })),
      quarantined: [{ reason: 'image_missing', count: 3 }],
      duplicateCount: 0,
      microBatchCount: 10,
      shardCount,
      tokenCount: 9000,
      warnings: [`${source} warning`],
      cached: false,
    }),
    fingerprintDataset: async () => fingerprint,
    tuneReference: async ({ rows }) => adapterResult(made('warmup', rows)),
    planNewRows: async ({ rows }) => ({
      refusal: null,
      newRows: made('new', rows),
      newRowCount: 10,
      keptRowCount: 90,
      removedRowCount: 1,
      quarantined: [],
    }),
    narrowRows: async ({ rows, selection }) => made('narrowed', rows, selection),
    planGradients: async ({ rows, adapter }) => ({
      address: made('gradients', rows, adapter).uri,
      workId: 'work',
      shardCount,
      finished: null,
      warnings: [],
    }),
    computeGradientShard: async ({ shard, shardCount: of }) => ({
      shard,
      file: { name: `gradients-${shard}-of-${of}.arrow`, sha256: 'f'.repeat(64), byteCount: 4096, rowCount: 50 },
      quarantined: [],
      cached: false,
    }),
    closeGradients: async ({ rows, adapter }) => gradientsResult(made('gradients', rows, adapter)),
    finetuneModel: async ({ rows, selection }) => adapterResult(made('finetune', rows, selection)),
    evaluateModel: async ({ rows, adapter }) => evaluationResult(made('evaluation', rows, adapter ?? 'base')),
  };
}

/** Light activities that answer at once. */
export function honestControl({ last = null }: FakeFacts): ControlActivities {
  return {
    readLastRun: async () => last,
    keepLastRun: async () => undefined,
    keepResult: async () => undefined,
    awaitGradients: (input) => createAwaitGradientsActivities().awaitGradients(input),
    estimateValues: async ({ rows, gradients }) => ({
      values: made('values', rows, ...gradients),
      tasks: TASKS,
      warnings: [],
      cached: false,
    }),
    allocateRows: async ({ method, tasks }) => ({
      method,
      budget: 10,
      tasks: tasks.map(({ task, value }) => ({ task, rows: 50, value, share: 0.5, ideal: 5, quota: 5 })),
      warnings: [],
    }),
    filterRows: async ({ filters, values, rows, gradients }) => ({
      filters,
      filtered: made('filtered', ...filters, values, rows, ...gradients),
      tasks: TASKS.map(({ task }) => ({ task, rowCount: 50, keptCount: 40, dropped: [] })),
      warnings: [],
      cached: false,
    }),
    selectRows: async ({ method, values }) => ({
      method,
      selection: made('selection', method, values),
      rowCount: 10,
      tasks: TASKS.map(({ task }) => ({ task, selected: 5, copies: 0, effectiveShare: 0.1 })),
      warnings: [],
      cached: false,
    }),
    compareSelections: async ({ before, after }) => ({
      changes: made('changes', before.selection, after.selection),
      enteredCount: 2,
      leftCount: 2,
      stayedCount: 8,
      jaccard: 8 / 12,
      entered: [{ reason: 'new_row', count: 2 }],
      left: [{ reason: 'redrawn', count: 2 }],
    }),
    writeReport: async ({ result }) => ({ report: made('report', result.runName), verdict: ['tive is best'] }),
    keepBenchmarkCell: async ({ cell, result }) => ({
      cell: made('cell', cell.name),
      scores: result.methods.map(({ method, evaluation }) => ({ method, macroAccuracy: evaluation!.macroAccuracy })),
    }),
    scoreDatamodels: async ({ subsets }) => ({
      score: 0.1,
      interval: [0, 0.2],
      rowCount: 100,
      constantCount: 0,
      subsetCount: subsets.length,
      unmatchedCount: 0,
      tasks: [],
    }),
    writeBenchmark: async ({ cells }) => ({
      report: made('benchmark', ...cells),
      lines: [],
      verdict: ['tive is not behind'],
    }),
  };
}

function adapterResult(adapter: ArtifactReference): AdapterResult {
  return { adapter, rowCount: 8, stepCount: 4, firstLoss: 2, lastLoss: 1, cached: false };
}

function gradientsResult(gradients: ArtifactReference): GradientsResult {
  return { gradients, reused: [], parameterCount: 1000, quarantined: [], cached: false };
}

function evaluationResult(outcomes: ArtifactReference): EvaluationResult {
  const tasks = TASKS.map(({ task }) => ({ task, rowCount: 50, correctCount: 25, meanLoss: 1 }));
  return { outcomes, tasks, macroAccuracy: 0.5, meanLoss: 1, cached: false };
}
