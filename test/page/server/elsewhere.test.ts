// A page over a store: a run whose folder is on no machine that the page can see.
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { createKeepResultActivities } from '../../../activities/report/keep-result.ts';
import type { Runtime } from '../../../client/cluster/runtime.ts';
import { ClusterWatch } from '../../../client/runs/cluster-watch.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { ForeignRuns } from '../../../page/server/foreign-runs.ts';
import { Runs } from '../../../page/server/runs.ts';
import { createApp } from '../../../page/server/app.ts';
import { createGuard } from '../../../page/server/safety.ts';
import type { Comparison, Excluded, RowPage, RowView, RunLine, RunView, Said } from '../../../page/api.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { makeArtifact } from '../../tables/artifact.ts';
import { makeRun } from '../../activities/report/report-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-elsewhere-'));
const store = new LocalStore(join(folder, 'store'));
const runsFolder = join(folder, 'runs');
const guard = createGuard(false);
/** A page over the folder and the store. */
const pageOfStore = () =>
  createApp({ runsFolder, folder, version: '0', guard, files: new Map(), elsewhere: { store: store.uri } });
const page = pageOfStore();
let result: RunResult;

beforeAll(async () => {
  guard.hosts.add('127.0.0.1:80');
  const made = await makeRun(folder, store);
  const report = await makeArtifact(store, 'report', { name: 'report' }, async (place) => [
    {
      name: 'report.html',
      rowCount: 0,
      ...(await store.write(`${place}/report.html`, [Buffer.from('<!doctype html>as it was')])),
    },
  ]);
  // As another machine names the store, and where it keeps its runs.
  const config = {
    ...made.config,
    store: { uri: '/mnt/elsewhere' },
    run: { ...made.config.run, outputDir: '/home/somebody/runs' },
  };
  result = { ...made, config, report: { report, verdict: ['tive is not behind'] } };
  const { keepResult } = createKeepResultActivities({ openStore: () => store });
  await keepResult({ result });
  await keepResult({ result: { ...result, runName: 'other' } });
});
afterAll(async () => {
  await page.close();
  rmSync(folder, { recursive: true, force: true });
});

const headers = { host: '127.0.0.1:80', cookie: `tive-80=${guard.cookie}`, 'x-tive-token': guard.token };
const ask = async (path: string, body?: unknown): Promise<Response> => {
  const text = JSON.stringify(body);
  const length = { 'content-length': String(Buffer.byteLength(text ?? '')) };
  const question =
    body === undefined ? { headers } : { method: 'POST', body: text, headers: { ...headers, ...length } };
  return page.app.request(`http://127.0.0.1:80${path}`, question);
};
const get = async <Value>(path: string, body?: unknown): Promise<Value> => {
  const answer = await ask(path, body);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Value;
};

describe('a run that a store alone knows', () => {
  test('is in the list, with what its result says', async () => {
    const lines = await get<RunLine[]>('/api/runs');
    expect(lines.map(({ runName, place }) => [runName, place]).sort()).toEqual([
      ['other', 'store'],
      ['small', 'store'],
    ]);
    expect(lines[0]).toMatchObject({
      state: 'done',
      dataset: 'rows.json',
      method: 'tive',
      selectedCount: 5,
      rowCount: 12,
    });
  });

  test('has verdict, stages, recipe and report', async () => {
    const view = await get<RunView>('/api/runs/small');
    expect(view).toMatchObject({
      verdictLines: ['tive is not behind'],
      warnings: ['same'],
      hasReport: true,
      notes: [],
    });
    expect(view.stages).toHaveLength(3);
    expect(parse(view.recipe)).toMatchObject({ selection: { method: 'tive' } });
    expect(await (await ask('/api/runs/small/report')).text()).toBe('<!doctype html>as it was');
    expect(await get<unknown[]>('/api/runs/small/log')).toEqual([]);
  });

  test('has its rows with texts and pictures, rows set aside among them', async () => {
    const rows = await get<RowPage>('/api/runs/small/rows?task=b&state=selected&sort=row');
    expect(rows.rows.map(({ rowIndex, question }) => [rowIndex, question])).toEqual([
      [8, 'question 8 <b>ü</b>'],
      [9, 'question 9 <b>ü</b>'],
    ]);
    expect(rows.reasons).toEqual([{ reason: 'answer_empty', count: 1 }]);
    expect((await ask('/api/runs/small/rows/8/pictures/0')).headers.get('content-type')).toBe('image/webp');
  });

  test('stands beside another one, is exported, and its rows are left out of the next', async () => {
    const compared = await get<Comparison>('/api/compare?left=small&right=other');
    expect([compared.jaccard, compared.bothCount]).toEqual([1, 4]);
    const exported = await get<Said>('/api/runs/small/export', { form: 'indices', rows: null });
    expect(exported.command).toMatch(new RegExp(`export small --to indices --store ${store.uri}$`));
    expect(existsSync(join(runsFolder, 'small/export'))).toBe(true);
    const { recipe } = await get<Excluded>('/api/runs/small/exclude', { rows: [0] });
    expect(parse(recipe.text)).toMatchObject({
      run: { name: recipe.name.replace('.yaml', '') },
      dataset: { path: [join(folder, 'rows.json')], exclude_rows: recipe.name.replace('.yaml', '.txt') },
    });
    // What was exported makes no run of the folder.
    expect((await get<RunView>('/api/runs/small')).place).toBe('store');
  });

  test('cannot be held, and a name that nobody has is told with all that was looked at', async () => {
    const held = await ask('/api/runs/small/pause', {});
    expect([held.status, await held.json()]).toEqual([
      409,
      { message: 'run: must be at work, got the result of "small" in a store' },
    ]);
    const lost = await ask('/api/runs/lost');
    expect([lost.status, await lost.json()]).toEqual([
      404,
      { message: `run: must be in the page's folder, in ${store.uri}, got no "lost"` },
    ]);
  });

  test('says what of it is missing, and shows the rest', async () => {
    const [rows, moved] = [join(folder, 'rows.json'), join(folder, 'moved.json')];
    renameSync(rows, moved);
    rmSync(join(folder, 'store', result.methods[0]!.selection!.selection.uri), { recursive: true });
    const runs = new Runs(runsFolder, undefined, new ForeignRuns({ store: store.uri }));
    expect((await runs.view('other')).notes).toEqual([
      `the store ${store.uri} has no selection of it any more; tive run RECIPE makes them again`,
      `dataset.path: ${rows} is not on this machine, so its rows have no texts here`,
    ]);
    const answer = await ask('/api/runs/other/rows');
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('artifacts/selection/')]);
    const unselected = { ...result, runName: 'unselected', methods: [] };
    await createKeepResultActivities({ openStore: () => store }).keepResult({ result: unselected });
    const again = pageOfStore();
    const found = await again.app.request('http://127.0.0.1:80/api/runs/unselected/rows/8', { headers });
    expect((await found.json()) as RowView).toMatchObject({ rowIndex: 8, task: 'b', turns: [], question: null });
    await again.close();
    renameSync(moved, rows);
  });
});

test('a cluster that does not answer is told, is asked anew after a while, and what was seen of it stays', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const asked: string[] = [];
  let isAway = true;
  const connect = async (): Promise<Runtime> => {
    asked.push('connect');
    if (isAway) throw new Error('temporal: server must answer');
    return listing(() => asked.push('list'));
  };
  const watch = new ClusterWatch({ address: 'temporal:7233', namespace: null }, connect);
  try {
    expect([await watch.list(), await watch.list(), watch.problem]).toEqual([[], [], 'temporal: server must answer']);
    isAway = false;
    vi.advanceTimersByTime(5000);
    const [run] = await watch.list();
    expect([run!.runName, run!.state, watch.problem]).toEqual(['mix', 'running', null]);
    vi.advanceTimersByTime(999);
    expect(await watch.list()).toEqual([run]);
    expect(asked).toEqual(['connect', 'connect', 'list']);
    vi.advanceTimersByTime(1);
    expect(await watch.list()).toEqual([run]);
    expect(asked).toEqual(['connect', 'connect', 'list', 'list']);
  } finally {
    vi.useRealTimers();
    await watch.close();
  }
});

/** A connection to a cluster with a run, one that a schedule started before it, and other work. */
function listing(tell: () => void): Runtime {
  const info = (workflowId: string, hour: number) => ({
    workflowId,
    runId: workflowId,
    type: 'tiveRun',
    status: { name: 'RUNNING' },
    startTime: new Date(Date.UTC(2026, 0, 1, hour)),
  });
  const infos = [info('tive-mix-2026-01-01T02:00:00Z', 2), info('tive-mix', 1), info('tive-bench/seed-1', 3)];
  const client = {
    workflow: {
      list: () => {
        tell();
        return (async function* () {
          yield* infos;
        })();
      },
    },
    withDeadline: <Value>(_: number, work: () => Promise<Value>) => work(),
  };
  const runtime: Partial<Runtime> = { client: client as never, close: () => Promise.resolve() };
  return runtime as Runtime;
}
