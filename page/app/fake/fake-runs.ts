// Made-up runs in every state, for the page's tests.
import { STAGES } from '../../../contracts/stages.ts';
import type { Stage } from '../../../contracts/stages.ts';
import type { RunPlan } from '../../../contracts/plan.ts';
import type { StageProgress } from '../../../contracts/messages/run.ts';
import type { Comparison, Excluded, LogLine, RunLine, RunView, WhatIf, WhatIfQuestion } from '../../api.ts';
import { HOSTILE, ROW_COUNT } from './fake-rows.ts';
import { fakeCurve, fakeTraining } from './fake-training.ts';

const TASKS = ['llava_conv', 'vqav2', 'gqa', 'okvqa', 'ocrvqa', 'aokvqa', 'textcaps', 'refcoco', 'vg', 'sharegpt'];

const VERDICT =
  'With 15 % of the rows, tive scores 57.8 % where all rows score 58.3 %: the difference is within chance.';

function line(runName: string, changes: Partial<RunLine>): RunLine {
  return {
    runName,
    place: 'folder',
    kind: 'run',
    state: 'done',
    stage: 'report',
    share: 1,
    secondsLeft: null,
    verdict: VERDICT,
    dataset: 'llava-1.5-665k',
    method: 'tive',
    rowCount: ROW_COUNT,
    selectedCount: 99_795,
    changedAt: '2026-05-04T10:00:00.000Z',
    ...changes,
  };
}

/** Runs in every state. */
export const FAKE_RUNS: readonly RunLine[] = [
  line('mix-15-percent', {}),
  line('mix-at-work', {
    state: 'running',
    stage: 'gradients',
    share: 0.31,
    secondsLeft: 5400,
    verdict: null,
    selectedCount: null,
    changedAt: '2026-05-06T09:00:00.000Z',
  }),
  line('mix-in-training', {
    state: 'running',
    stage: 'finetune',
    share: 0.72,
    secondsLeft: 342,
    verdict: null,
    selectedCount: null,
    changedAt: '2026-05-06T08:00:00.000Z',
  }),
  line('mix-held', {
    place: 'cluster',
    state: 'waiting',
    stage: 'allocation',
    share: 0.5,
    verdict: null,
    selectedCount: null,
    changedAt: '2026-05-05T09:00:00.000Z',
  }),
  line('demo-seeds', { kind: 'benchmark', dataset: 'demo', rowCount: 7968, selectedCount: 1195, stage: null }),
  line('bad-picture-folder', {
    state: 'failed',
    stage: 'dataset',
    share: 0.05,
    verdict: null,
    dataset: HOSTILE,
    selectedCount: null,
    rowCount: null,
  }),
  line('half-way', {
    place: 'store',
    state: 'stopped',
    stage: 'warmup',
    verdict: null,
    method: 'random',
    selectedCount: null,
  }),
];

const PART_COUNTS: Partial<Record<Stage, number>> = {
  gradients: 64,
  allocation: 2,
  selection: 2,
  finetune: 2,
  evaluation: 3,
};

function stagesOf(run: RunLine): StageProgress[] {
  const at = STAGES.findIndex((stage) => stage === run.stage);
  return STAGES.map((stage, index): StageProgress => {
    const isBeside = run.runName === 'mix-in-training' && stage === 'evaluation';
    const isAtWork = isBeside || (index === at && run.state !== 'done');
    const totalCount = PART_COUNTS[stage] ?? 1;
    const isDone = run.state === 'done' || index < at;
    const state = isDone
      ? index === 0
        ? 'cached'
        : 'done'
      : isAtWork && run.state === 'failed'
        ? 'failed'
        : isAtWork && run.state !== 'stopped'
          ? 'running'
          : 'waiting';
    return {
      stage,
      state,
      detail: isDone ? '665,298 rows  10 tasks  6,653 set aside' : '',
      doneCount: isDone ? totalCount : state === 'running' && stage === 'gradients' ? 20 : 0,
      totalCount,
      startedAtMs: isDone || isAtWork ? Date.parse('2026-05-06T08:00:00Z') : null,
      durationMs: isDone ? 184_000 * (index + 1) : null,
    };
  });
}

/** What of a run depends on how far it is. */
function progressOf({ runName, state, secondsLeft }: RunLine, seconds: number) {
  if (runName === 'mix-in-training') return fakeTraining(seconds);
  const warmup = fakeCurve('warmup', 288, 2e-4);
  if (state === 'failed') return { curves: [], atWork: [], secondsLeft };
  if (state !== 'running')
    return { curves: [warmup, fakeCurve('tive', 700, 1e-4), fakeCurve('random', 700, 1e-4)], atWork: [], secondsLeft };
  const shards = { share: 0.34, doneCount: 11_200, totalCount: 20_790, rowsPerSecond: 118.4, secondsLeft: 3708 };
  return { curves: [warmup], atWork: [{ stage: 'gradients' as const, ...shards }], secondsLeft };
}

/**
 * One run of the list, with everything.
 * @param seconds that one which gets further has been at work
 */
export function fakeRun(runName: string, seconds = 0): RunView | null {
  const run = FAKE_RUNS.find((each) => each.runName === runName);
  if (run === undefined) return null;
  return {
    ...run,
    ...progressOf(run, seconds),
    stages: stagesOf(run),
    warnings: run.state === 'done' ? ['task sharegpt has no pictures: its gradients come from text alone'] : [],
    notes: ['the same recipe has run before: 3 stages were found in the store'],
    reason:
      run.state === 'failed'
        ? 'dataset: "coco/train2017" must be a folder, got none; set dataset.image_folder to where the pictures are'
        : null,
    verdictLines: run.verdict === null ? [] : [run.verdict, 'Random rows of the same number score 55.1 %.'],
    isPaused: false,
    awaitedQuotas:
      run.state === 'waiting'
        ? TASKS.map((task, index) => ({ task, rows: 66_000, quota: 15_000 - index * 1000, equalQuota: 9980 }))
        : null,
    hasReport: run.state === 'done',
    temporalUrl: run.state === 'done' ? null : 'http://127.0.0.1:8233/namespaces/default',
    recipe: `extends: llava-1.5-665k\nrun:\n  name: ${runName}\n`,
  };
}

/** Lines of a log. */
export function fakeLog(stage: string | null, limit: number): LogLine[] {
  return Array.from({ length: Math.min(limit, 40) }, (_, index) => ({
    at: new Date(Date.parse('2026-05-06T08:00:00Z') + index * 1000).toISOString(),
    level: index % 11 === 10 ? 'warn' : 'info',
    message: index === 3 ? HOSTILE : `shard ${index} of 64 is done`,
    stage: stage ?? STAGES[index % 4]!,
    attributes: { rows: 10_395, seconds: 41.5 },
  }));
}

/** Another selection. */
export function fakeWhatIf({ method, isKept }: WhatIfQuestion): WhatIf {
  return {
    runName: isKept === true ? 'mix-15-percent-2' : null,
    command: `tive select mix-15-percent --method ${method}`,
    seconds: 2.4,
    oldCount: 99_795,
    newCount: 66_530,
    jaccard: 0.412,
    tasks: TASKS.map((task, index) => ({
      task,
      rows: 66_000,
      oldTaken: 15_000 - index * 1000,
      newTaken: 4000 + index * 500,
    })),
    entering: Array.from({ length: 200 }, (_, index) => index * 31),
    leaving: Array.from({ length: 200 }, (_, index) => index * 37 + 5),
    enteringCount: 18_000,
    leavingCount: 51_265,
    warnings: ['task textcaps has fewer rows than its quota: 300 rows went to other tasks'],
  };
}

/** Two runs. */
export function fakeComparison(left: string, right: string): Comparison {
  const scores = [
    { method: 'tive', accuracy: 0.578, interval: [0.561, 0.595] as [number, number] },
    { method: 'random', accuracy: 0.551, interval: null },
  ];
  return {
    left: { runName: left, method: 'tive', selectedCount: 99_795, scores },
    right: { runName: right, method: 'random', selectedCount: 99_795, scores: [] },
    jaccard: 0.083,
    bothCount: 15_294,
    onlyLeft: [1, 2, 3],
    onlyRight: [4, 5],
    onlyLeftCount: 84_501,
    onlyRightCount: 84_501,
    tasks: TASKS.map((task, index) => ({ task, left: 15_000 - index * 1000, right: 9980 })),
  };
}

/** Chosen rows in a list. */
export const FAKE_EXCLUDED: Excluded = {
  message: 'mix-15-percent-without-1a2b3c.txt  2 rows to leave out',
  recipe: {
    name: 'mix-15-percent-without-1a2b3c.yaml',
    text: 'extends: runs/mix-15-percent/recipe.resolved.yaml\nrun:\n  name: mix-15-percent-without-1a2b3c\ndataset:\n  exclude_rows: mix-15-percent-without-1a2b3c.txt\n',
  },
  command: 'tive select mix-15-percent dataset.exclude_rows=mix-15-percent-without-1a2b3c.txt',
};

/** A plan of the demo. */
export const FAKE_PLAN: RunPlan = {
  rowCount: 7968,
  usableCount: 7960,
  tokenCount: 512_000,
  imageRowCount: 7100,
  isCounted: true,
  sampledReasons: {},
  stages: STAGES.map((stage, index) => ({
    stage,
    isCached: index === 0,
    rowCount: 7960,
    partCount: index === 2 ? 8 : null,
    unit: 'shards',
    diskBytes: index === 2 ? 34_000_000 : null,
    seconds: 12 * (index + 1),
    schedule: null,
  })),
  memory: {
    parameterCount: 3_400_000,
    weightBytes: 13_600_000,
    hostBytes: 8e9,
    freeBytes: 40e9,
    tokenBudget: 2048,
    isPicked: true,
    batch: { rowCount: 16, tokenCount: 2048 },
    works: [
      { work: 'gradients', totalBytes: 410e6, bytes: { weights: 13.6e6 }, recomputedLayerCount: 0, layerCount: 4 },
    ],
  },
  probe: null,
  quotas: null,
  total: { processCount: 2, seconds: 310, secondsOnOne: 540 },
  checks: ['evaluation: 80 test rows tell differences of 11 points apart, not less'],
  warnings: [],
};
