// Another selection asked by the page, on a server that the question starts: what it leaves behind, and how it ends.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { SelectionServer } from '../../../client/runs/selection-server.ts';
import { whatIf } from '../../../page/server/selections.ts';
import { writeSmallDataset } from '../../client/small-dataset.ts';
import { processesWith, tiveProcess } from '../../client/tive-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-page-'));
const temporary = mkdtempSync(join(tmpdir(), 'tive-page-tmp-'));
const before = process.env['TMPDIR'];
const server = new SelectionServer();
let base: RunResult;

beforeAll(async () => {
  writeSmallDataset(folder);
  const done = await tiveProcess(folder, 'run', 'recipe.yaml', '--until', 'selection', '--processes', '1');
  expect(done.exitCode, done.stderr).toBe(0);
  base = JSON.parse(readFileSync(join(folder, 'runs/small/result.json'), 'utf8')) as RunResult;
  process.env['TMPDIR'] = temporary;
}, 180_000);
afterAll(async () => {
  await server.close();
  expect(readdirSync(temporary)).toEqual([]);
  expect(processesWith(temporary)).toEqual([]);
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  for (const path of [folder, temporary]) rmSync(path, { recursive: true, force: true });
});

const QUESTION = { method: 'loss', lambda: null, budget: 6, filters: [], settings: [] } as const;
const question = (isKept: boolean) => ({ ...QUESTION, filters: [], settings: [], isKept });
const never = new AbortController().signal;
const previews = (): string[] => readdirSync(temporary).filter((name) => name.startsWith('tive-what-if-'));

test('an answer is beside the old selection and leaves no run behind, unless it is kept', async () => {
  const answer = await whatIf(base, question(false), server, never);
  expect(answer).toMatchObject({ runName: null, oldCount: 8, newCount: 6 });
  expect(answer.command).toMatch(/select small --method loss --budget 6$/);
  expect(answer.enteringCount - answer.leavingCount).toBe(6 - 8);
  expect(answer.entering).toHaveLength(answer.enteringCount);
  expect(answer.tasks.reduce((sum, { oldTaken }) => sum + oldTaken, 0)).toBe(8);
  // The highest losses of all tasks are those of one, whatever the quotas.
  expect(answer.tasks.map(({ newTaken }) => newTaken).sort()).toEqual([0, 0, 6]);
  expect([readdirSync(join(folder, 'runs')), previews()]).toEqual([['small'], []]);
  const kept = await whatIf(base, question(true), server, never);
  expect({ ...kept, runName: null, seconds: 0, warnings: [] }).toEqual({ ...answer, seconds: 0, warnings: [] });
  expect(readdirSync(join(folder, 'runs')).sort()).toEqual(['small', kept.runName]);
  expect(existsSync(join(folder, 'runs', kept.runName!, 'result.json'))).toBe(true);
});

test('a question that nobody waits for ends, at work as well as before, and the next one is answered', async () => {
  await expect(whatIf(base, question(false), server, AbortSignal.abort())).rejects.toThrow(/abort/i);
  const controller = new AbortController();
  const asked = whatIf(base, question(false), server, controller.signal);
  const ended = expect(asked).rejects.toThrow(/abort/i);
  await expect.poll(() => previews().length, { timeout: 30_000 }).toBe(1);
  controller.abort();
  await ended;
  expect(previews()).toEqual([]);
  expect((await whatIf(base, question(false), server, never)).newCount).toBe(6);
});

test('all questions are asked of one server, which is there again when it has died', async () => {
  const { client, address } = await server.runtime();
  const [pid, ...others] = processesWith(temporary);
  expect(others).toEqual([]);
  process.kill(pid!, 'SIGKILL');
  expect((await whatIf(base, question(false), server, never)).newCount).toBe(6);
  expect((await server.runtime()).address).toBe(address);
  // What was asked before stands in its database still.
  expect((await client.workflow.count("WorkflowType = 'tiveReselect'")).count).toBeGreaterThan(1);
});

test('a question that cannot be answered says why and leaves nothing', async () => {
  const wrong = { ...question(false), budget: 5000 };
  await expect(whatIf(base, wrong, server, never)).rejects.toThrow(/budget must be at most 56 usable rows/);
  expect(previews()).toEqual([]);
});
