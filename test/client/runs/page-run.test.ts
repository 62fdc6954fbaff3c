import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type {
  Comparison,
  LogLine,
  NearRow,
  RowPage,
  RowView,
  RunLine,
  RunView,
  Said,
  WhatIf,
} from '../../../page/api.ts';
import type * as serveModule from '../../../page/server/serve.ts';
import type { ShownRow } from '../../../client/runs/show-row.ts';
import type { Elsewhere } from '../../../page/server/foreign-runs.ts';
import { ask, cookieOf } from '../../page/server/served.ts';
import type { Answer } from '../../page/server/served.ts';
import { tive, useCluster } from '../in-process.ts';
import { USABLE_ROWS, writeSmallDataset } from '../small-dataset.ts';
import { startTive } from '../tive-process.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-page-run-'));
const cluster = useCluster();
/** A page, and requests as its front-end sends them. */
interface OpenedPage {
  page: serveModule.ServedPage;
  port: number;
  cookie: string;
  get<Value>(path: string): Promise<Value>;
  post<Value>(path: string, body?: unknown): Promise<Value>;
}

/** As the command opens it: what it selects again with is bundled. */
async function openPage(runsFolder: string, elsewhere: Elsewhere = {}): Promise<OpenedPage> {
  const built = pathToFileURL(join(import.meta.dirname, '../../../dist/page/server/serve.js')).href;
  const { servePage } = (await import(built)) as typeof serveModule;
  const place = { runsFolder, folder: root, version: '0', host: '127.0.0.1', port: 0, isReadOnly: false };
  const opened = await servePage({ ...place, elsewhere });
  const { port: own, search } = new URL(opened.link);
  const [number, secret] = [Number(own), new URLSearchParams(search).get('token')!];
  const entered = cookieOf(await ask(number, `/${search}`));
  const answered = <Value>(path: string, { status, body }: Answer): Value => {
    if (status !== 200) throw new Error(`${path}: ${status} ${body.toString()}`);
    return JSON.parse(body.toString()) as Value;
  };
  const headers = { cookie: entered };
  return {
    page: opened,
    port: number,
    cookie: entered,
    get: async (path) => answered(path, await ask(number, path, { headers })),
    post: async (path, body = {}) => {
      const question = { method: 'POST', body: JSON.stringify(body), headers: { ...headers, 'x-tive-token': secret } };
      return answered(path, await ask(number, path, question));
    },
  };
}

let here: OpenedPage;
/** Over a folder without runs. */
let elsewhere: OpenedPage;
const get = <Value>(path: string): Promise<Value> => here.get(path);
const post = <Value>(path: string, body: unknown = {}): Promise<Value> => here.post(path, body);

beforeAll(async () => {
  writeSmallDataset(root, 'allocation: { approval: required, budget_fraction: 0.2 }\n');
  here = await openPage(join(root, 'runs'));
  const place = { address: cluster.address, namespace: null };
  elsewhere = await openPage(join(root, 'none'), { cluster: place, temporalUi: 'http://temporal.example:8080/' });
  const { exitCode, stderr } = await tive(root, 'run', 'recipe.yaml', '--detach', '--address', cluster.address);
  expect(exitCode, stderr).toBe(0);
}, 120_000);
afterAll(async () => {
  await here.page.close();
  await elsewhere.page.close();
  rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

const untilState = (state: RunView['state']): Promise<RunView> =>
  vi.waitFor(
    async () => {
      const view = await get<RunView>('/api/runs/small');
      expect(view.state).toBe(state);
      return view;
    },
    { timeout: 100_000, interval: 300 },
  );

describe('a run at work', () => {
  test('waits for the approval of its quotas, which the page shows beside equal ones and gives', async () => {
    const view = await untilState('waiting');
    expect(view).toMatchObject({
      runName: 'small',
      kind: 'run',
      isPaused: false,
      hasReport: false,
      stage: 'allocation',
    });
    // What is done of it is drawn before its end.
    expect(view.curves.map(({ name, stepCount }) => [name, stepCount])).toEqual([['warmup', null]]);
    expect(view.curves[0]!.steps.length).toBeGreaterThan(3);
    const quotas = view.awaitedQuotas!;
    expect(quotas.map(({ task, rows }) => [task, rows]).sort()).toEqual([
      ['name', 24],
      ['sum', 12],
      ['tell', 20],
    ]);
    const sum = (key: 'quota' | 'equalQuota'): number => quotas.reduce((total, one) => total + one[key], 0);
    expect(sum('equalQuota')).toBe(sum('quota'));
    const equal = quotas.map(({ equalQuota }) => equalQuota);
    expect(Math.max(...equal) - Math.min(...equal)).toBeLessThanOrEqual(1);
    const before = await elsewhere.get<RunView>('/api/runs/small');
    expect(before).toMatchObject({ place: 'cluster', state: 'waiting', awaitedQuotas: quotas, dataset: 'train.json' });
    expect(before.temporalUrl).toBe('http://temporal.example:8080/namespaces/default/workflows/tive-small');
    expect(before.recipe).toContain('approval: required');
    expect(before.stages.filter(({ state }) => state === 'done').length).toBeGreaterThan(3);
    expect((await elsewhere.get<RunLine[]>('/api/runs'))[0]).toMatchObject({ runName: 'small', method: 'tive' });
    expect((await tive(root, 'list', '--runs', 'none', '--address', cluster.address)).stdout).toMatch(
      /^small  .* running  +tive on the cluster\n$/,
    );
    const said = await elsewhere.post<Said>('/api/runs/small/approve');
    expect(said).toMatchObject({ message: 'small goes on with its quotas', runName: null });
    expect(said.command).toMatch(/approve small --address 127\.0\.0\.1:\d+$/);
  }, 120_000);

  test('is fetched when it is done: curves, verdict, report', async () => {
    const view = await untilState('done');
    expect(view.curves.map(({ name }) => name)).toEqual(['warmup', 'tive', 'random']);
    for (const { steps, losses, learningRates } of view.curves) {
      expect(steps.length).toBeGreaterThan(3);
      expect([losses.length, learningRates.length]).toEqual([steps.length, steps.length]);
      expect(losses.every((loss) => loss > 0)).toBe(true);
    }
    expect(view).toMatchObject({ hasReport: true, share: 1, awaitedQuotas: null });
    expect(view.verdict).toBe(view.verdictLines[0]);
    for (const { port, cookie } of [here, elsewhere])
      expect((await ask(port, '/api/runs/small/report', { headers: { cookie } })).body.toString()).toMatch(
        /^<!doctype html>/,
      );
    await expect(post('/api/runs/small/approve')).rejects.toThrow(/409/);
    const [line] = await get<RunLine[]>('/api/runs');
    expect(line).toMatchObject({ runName: 'small', place: 'folder', dataset: 'train.json' });
  }, 120_000);

  test('is the same to a page whose folder does not know it, and nothing of it is written there', async () => {
    const own = await get<RunView>('/api/runs/small');
    const found = await elsewhere.get<RunView>('/api/runs/small');
    const same = { stages: own.stages, curves: own.curves, verdictLines: own.verdictLines, warnings: own.warnings };
    expect(found).toMatchObject({ ...same, place: 'cluster', state: 'done', hasReport: true, share: 1 });
    const rows = '/api/runs/small/rows?state=selected&sort=value';
    expect(await elsewhere.get<RowPage>(rows)).toEqual(await get<RowPage>(rows));
    const log = await elsewhere.get<LogLine[]>('/api/runs/small/log?limit=500');
    const said = log.map(({ stage, message }) => `${stage ?? ''} ${message}`);
    for (const line of ['warmup tuneReference is done', ' update: approve', ' the run is done'])
      expect(said).toContain(line);
    expect((await elsewhere.get<LogLine[]>('/api/runs/small/log?stage=values')).map(({ stage }) => stage)).toEqual([
      'values',
      'values',
    ]);
    expect(existsSync(join(root, 'none'))).toBe(false);
  });
});

describe('its rows', () => {
  test('are those of tive show: values, rank, copies, nearest rows', async () => {
    const found = await get<RowPage>('/api/runs/small/rows?state=selected&sort=value&descending=true&limit=1');
    const { rowIndex } = found.rows[0]!;
    const view = await get<RowView>(`/api/runs/small/rows/${rowIndex}`);
    const shown = JSON.parse((await tive(root, 'show', 'small', String(rowIndex), '--json')).stdout) as ShownRow;
    expect(view).toMatchObject({
      task: shown.task,
      copies: shown.copies,
      tokens: shown.tokenCount,
      loss: shown.values!.loss,
      norm: shown.values!.gradientNorm,
      el2n: shown.values!.el2n,
      rank: shown.values!.rank,
      taskRowCount: shown.values!.taskRowCount,
      turns: shown.turns.map(({ role, value }) => ({ role, text: value })),
    });
    const near = (row: number) => get<NearRow[]>(`/api/runs/small/rows/${row}/nearest`);
    // Asked together, and again.
    const others = found.rows[0]!.rowIndex === 0 ? [1, 2] : [0, 1];
    const [own, ...rest] = await Promise.all([rowIndex, ...others, rowIndex].map(near));
    expect(own).toEqual(shown.nearest);
    expect(rest[2]).toEqual(own);
    expect(rest[0]).not.toEqual(own);
    expect(await near(rowIndex)).toEqual(own);
    expect(found.all).toBe(USABLE_ROWS + 3);
  });
});

describe('another selection', () => {
  test('is that of tive select, as a run of its own, beside the old one', async () => {
    const question = {
      method: 'random',
      lambda: null,
      budget: 0.5,
      filters: [],
      settings: ['allocation.approval=none'],
      isKept: true,
    };
    const found = await post<WhatIf>('/api/runs/small/what-if', question);
    expect(found.newCount).toBe(28);
    expect(found.command).toMatch(/select small allocation\.approval=none --method random --budget 0\.5$/);
    expect(found.enteringCount - found.leavingCount).toBe(found.newCount - found.oldCount);
    expect(found.entering).toHaveLength(found.enteringCount);
    expect(found.tasks.reduce((sum, { newTaken }) => sum + newTaken, 0)).toBe(28);
    const compared = await get<Comparison>(`/api/compare?left=small&right=${found.runName}`);
    expect(compared.jaccard).toBeCloseTo(found.jaccard, 12);
    expect(compared.onlyRight).toEqual(found.entering);
    expect(compared.left.scores.map(({ method }) => method)).toEqual(['tive', 'random', 'base']);
    await expect(post('/api/runs/small/what-if', { ...question, settings: ['run.seed=3'] })).rejects.toThrow(/400/);
  }, 120_000);
});

describe('the commands', () => {
  test('tive ui prints its link and serves the page until Ctrl-C', async () => {
    const { child, finished } = startTive(root, 'ui', '--read-only');
    let printed = '';
    child.stdout!.on('data', (chunk: string) => (printed += chunk));
    const link = await vi.waitUntil(() => /^page: (http:\S+)$/m.exec(printed)?.[1], { timeout: 60_000 });
    const { port: own, search, hostname } = new URL(link);
    expect(hostname).toBe('127.0.0.1');
    const entered = await ask(Number(own), `/${search}`);
    const answer = await ask(Number(own), '/api/session', { headers: { cookie: cookieOf(entered) } });
    expect(JSON.parse(answer.body.toString())).toMatchObject({ isReadOnly: true, runsFolder: join(root, 'runs') });
    child.kill('SIGINT');
    expect(await finished).toMatchObject({ exitCode: 0, stderr: 'Ctrl-C ends it\n' });
  }, 90_000);

  test('tive run --open serves the page while the run is at work, and ends with it where nobody is at a terminal', async () => {
    const { exitCode, stdout } = await tive(
      root,
      'run',
      'recipe.yaml',
      '--open',
      'run.name=opened',
      '--until',
      'values',
      '--address',
      cluster.address,
    );
    const link = /^page: (http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{43})$/m.exec(stdout)?.[1];
    expect([exitCode, typeof link]).toEqual([0, 'string']);
    await expect(ask(Number(new URL(link!).port), '/')).rejects.toThrow(/ECONNREFUSED/);
  }, 120_000);

  test('a recipe that is written in the page runs as a command of its own', async () => {
    const text = `extends: ./recipe.yaml\nrun: { name: mine, output_dir: runs }\nstore: { uri: tive-store }\nallocation: { approval: none }\nwarmup: { epochs: 1 }\n`;
    await expect(post('/api/recipe/run', { name: 'mine.yaml', text: 'model: 1' })).rejects.toThrow(/400/);
    const said = await post<Said>('/api/recipe/run', { name: 'mine.yaml', text });
    expect(said).toMatchObject({ message: 'mine has begun', runName: 'mine' });
    await vi.waitFor(async () => expect((await get<RunView>('/api/runs/mine')).state).toBe('running'), {
      timeout: 60_000,
    });
    expect(await post<Said>('/api/runs/mine/cancel')).toMatchObject({ message: 'mine stops at its next checkpoint' });
    await vi.waitFor(async () => expect((await get<RunView>('/api/runs/mine')).state).not.toBe('running'), {
      // An activity is told by its next heartbeat, which its worker holds back for most of the time-out.
      timeout: 150_000,
    });
  }, 240_000);
});
