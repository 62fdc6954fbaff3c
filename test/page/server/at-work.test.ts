// What the page tells of a run at work: curves, pace, time left.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { finishOutput, outputPlace } from '../../../activities/shared/stage-output.ts';
import type { LookedAtRun } from '../../../client/runs/look-at-run.ts';
import type { RunStatus } from '../../../client/runs/runs.ts';
import { timeLeft } from '../../../client/runs/time-left.ts';
import type { WorkInProgress } from '../../../client/runs/work-now.ts';
import { withDiskNames } from '../../../contracts/disk-names.ts';
import type { RunSoFar, StageProgress } from '../../../contracts/messages/run.ts';
import type { AdapterResult } from '../../../contracts/messages/training.ts';
import { STAGES } from '../../../contracts/stages.ts';
import type { Stage } from '../../../contracts/stages.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { trainingTable } from '../../../tables/training.ts';
import type { RunLine, RunView } from '../../../page/api.ts';
import { RunEvents } from '../../../page/server/events.ts';
import { curvesOf } from '../../../page/server/run-progress.ts';
import { Runs } from '../../../page/server/runs.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-at-work-'));
const store = new LocalStore(join(folder, 'store'));
const config = {
  ...DEMO_CONFIG,
  store: { ...DEMO_CONFIG.store, uri: store.uri },
  finetune: { enabled: true, epochs: 3, batchSize: 16, learningRate: 1e-3 },
  evaluation: { ...DEMO_CONFIG.evaluation, path: null },
};

/** A warm-up that is done, of so many steps. */
async function trained(stepCount: number): Promise<AdapterResult> {
  const place = outputPlace('warmup', { stepCount });
  const steps = Float64Array.from({ length: stepCount }, (_, step) => step);
  const table = {
    rowCount: stepCount,
    step: Uint32Array.from(steps),
    learningRate: steps.map((step) => 1e-3 / (1 + step)),
    loss: steps.map((step) => 1 + Math.exp(-step / 100) + Math.sin(step) / 10),
    gradientNorm: steps,
  };
  const details = { rowCount: 100, stepCount, firstLoss: 2, lastLoss: 1 };
  const files = [await trainingTable.write(store, place.folder, [table])];
  const { reference } = await finishOutput(store, place, { files, details });
  return { ...details, adapter: reference, schedule: null, cached: false };
}

let found: RunSoFar;
beforeAll(async () => {
  const rows = { rowCount: 1000, usableCount: 1000 };
  const warmup = await trained(5000);
  const methods: RunSoFar['methods'] = [{ method: 'tive', finetune: null }];
  found = { config, until: 'report', rows, testRowCount: null, warmup, methods, wasPaused: false };
  const place = join(folder, 'runs/mix');
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'recipe.resolved.yaml'), stringify(withDiskNames(config)));
  // A command of this process, so that it lives.
  writeFileSync(join(place, 'server.json'), JSON.stringify({ address: '127.0.0.1:1', pid: process.pid }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The run in its fine-tuning, after so many of 60 steps. */
function look(stepCount: number, changes: Partial<RunStatus> = {}, known: RunSoFar | null = found): LookedAtRun {
  const at = STAGES.indexOf('finetune');
  const stages = STAGES.map((stage, index): StageProgress => {
    const state = index < at ? 'done' : index === at ? 'running' : 'waiting';
    return { stage, state, detail: '', doneCount: 0, totalCount: 1, startedAtMs: null, durationMs: null };
  });
  const work: WorkInProgress = {
    doneCount: stepCount,
    totalCount: 60,
    doneParts: stepCount / 60,
    shares: [stepCount / 60],
    rowsPerSecond: 9,
    pacedCount: 1,
    workers: ['1@host'],
  };
  const steps = Array.from({ length: stepCount }, (_, step) => step);
  const status: RunStatus = {
    stages,
    gate: { isPaused: false, awaitsApproval: false },
    retryCount: 0,
    failures: [],
    working: new Map<Stage, WorkInProgress>([['finetune', work]]),
    trainings: [{ name: 'tive', steps, losses: steps, learningRates: steps, stepCount: 60 }],
    ...changes,
  };
  const left = known === null ? null : timeLeft({ status, found: known, processCount: 1 });
  return {
    kind: 'run',
    runName: 'mix',
    state: 'running',
    address: '127.0.0.1:1',
    progress: status,
    found: known,
    left,
    reason: null,
    notes: [],
    awaitedQuotas: null,
    result: null,
  };
}

const runsOf = (lookAt: () => LookedAtRun): Runs => new Runs(join(folder, 'runs'), () => Promise.resolve(lookAt()));

describe('a run at work', () => {
  test('has the curves of trainings that are done from the store, thinned, and those at work', async () => {
    const { curves } = await runsOf(() => look(20)).view('mix');
    expect(curves.map(({ name, stepCount }) => [name, stepCount])).toEqual([
      ['warmup', null],
      ['tive', 60],
    ]);
    const [{ steps, losses, learningRates }] = curves as [RunView['curves'][number]];
    expect([steps[0], steps.at(-1), steps.length <= 600]).toEqual([0, 4999, true]);
    expect([losses.length, learningRates.length]).toEqual([steps.length, steps.length]);
    expect(Math.max(...losses)).toBeGreaterThan(2);
    expect(curves[1]!.steps).toHaveLength(20);
  });

  test('has a training that has ended once, though its last heartbeat is still there', async () => {
    const finetune = await trained(60);
    const known: RunSoFar = { ...found, methods: [{ method: 'tive', finetune }] };
    const { curves } = await runsOf(() => look(50, {}, known)).view('mix');
    expect(curves.map(({ name, steps }) => [name, steps.length])).toEqual([
      ['warmup', curves[0]!.steps.length],
      ['tive', 60],
    ]);
  });

  test('has its trainings in the order of the run, at work as at its end', () => {
    const curve = { steps: [0], losses: [1], learningRates: [1] };
    const names = (done: string[], looked: LookedAtRun): string[] => {
      const curves = curvesOf(
        done.map((name) => ({ name, ...curve })),
        looked,
      );
      return curves.map(({ name }) => name);
    };
    const methods = (['tive', 'random', 'loss'] as const).map((method) => ({ method, finetune: null }));
    const working = ['loss', 'tive'].map((name) => ({ name, ...curve, stepCount: 9 }));
    const looked = look(1, { trainings: working }, { ...found, methods });
    expect(names(['warmup', 'random'], looked)).toEqual(['warmup', 'tive', 'random', 'loss']);
    expect(names(['warmup', 'tive', 'random'], { ...looked, progress: null, found: null })).toEqual([
      'warmup',
      'tive',
      'random',
    ]);
  });

  test('has the pace of its stages, and the time left of them and of all of it', async () => {
    const runs = runsOf(() => look(15));
    const view = await runs.view('mix');
    // Of 3 epochs of the budget's rows at 9 a second three quarters are left.
    const rows = Math.round(1000 * config.allocation.budgetFraction!) * 3;
    const secondsLeft = Math.ceil((0.75 * rows) / 9);
    expect(view.atWork).toEqual([
      { stage: 'finetune', share: 0.25, doneCount: 15, totalCount: 60, rowsPerSecond: 9, secondsLeft },
    ]);
    expect([view.secondsLeft, view.state, view.stage]).toEqual([secondsLeft, 'running', 'finetune']);
    const [line] = await runs.lines();
    expect(line).toMatchObject({ runName: 'mix', state: 'running', secondsLeft, share: view.share });
  });

  test('says nothing of time and pace while it is held', async () => {
    const gate = { isPaused: true, awaitsApproval: false };
    const view = await runsOf(() => look(15, { gate })).view('mix');
    expect(view).toMatchObject({ state: 'waiting', isPaused: true, secondsLeft: null, atWork: [] });
    expect(view.curves.map(({ name }) => name)).toEqual(['warmup', 'tive']);
  });

  test('of a worker of an older version, or with a store that cannot be read, has what heartbeats tell', async () => {
    const { curves, secondsLeft } = await runsOf(() => look(15, {}, null)).view('mix');
    expect([curves.map(({ name }) => name), secondsLeft]).toEqual([['tive'], null]);
    const away = { ...found.warmup!, adapter: { ...found.warmup!.adapter, uri: 'artifacts/warmup/away' } };
    const view = await runsOf(() => look(15, {}, { ...found, warmup: away })).view('mix');
    expect(view.curves.map(({ name }) => name)).toEqual(['tive']);
  });

  test('is looked at once for its line and its view, and anew when something was done to it', async () => {
    let lookCount = 0;
    const runs = runsOf(() => {
      lookCount += 1;
      return look(15);
    });
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      await runs.lines();
      await runs.view('mix');
      expect(lookCount).toBe(1);
      runs.changed('mix');
      await runs.view('mix');
      expect(lookCount).toBe(2);
      vi.advanceTimersByTime(1000);
      await runs.lines();
      await runs.view('mix');
      expect(lookCount).toBe(3);
    } finally {
      vi.useRealTimers();
    }
  });

  test('is told by events as it gets further', async () => {
    let stepCount = 10;
    const pauses: (() => void)[] = [];
    const pause = (): Promise<void> => new Promise((end) => pauses.push(end));
    const runs = runsOf(() => look(stepCount));
    const events = new RunEvents(runs, pause);
    const told: { event: string; data: unknown }[] = [];
    const end = events.listen('mix', (event, json) => void told.push({ event, data: JSON.parse(json) }));
    await vi.waitUntil(() => pauses[0], { timeout: 30_000 });
    stepCount = 40;
    runs.changed('mix');
    pauses.shift()!();
    await vi.waitUntil(() => pauses[0], { timeout: 30_000 });
    end();
    pauses.shift()!();
    const views = told.filter(({ event }) => event === 'run').map(({ data }) => data as RunView);
    expect(views.map(({ curves }) => curves[1]!.steps.length)).toEqual([10, 40]);
    expect(views[1]!.secondsLeft).toBeLessThan(views[0]!.secondsLeft!);
    const lines = told.filter(({ event }) => event === 'runs').map(({ data }) => (data as RunLine[])[0]!);
    expect(lines.map(({ secondsLeft }) => secondsLeft)).toEqual(views.map(({ secondsLeft }) => secondsLeft));
  });
});
