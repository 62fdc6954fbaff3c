import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createKeepResultActivities } from '../../../activities/report/keep-result.ts';
import { recipeHash } from '../../../activities/shared/recipe-hash.ts';
import { StoreRuns, asFoundIn, storedResult } from '../../../client/runs/store-runs.ts';
import type { Config } from '../../../contracts/config.ts';
import { emptyResult } from '../../../contracts/messages/run.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { writeSealed } from '../../../store/verified.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-keep-result-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const store = new LocalStore(join(folder, 'store'));
const { keepResult } = createKeepResultActivities({ openStore: () => store });

const resultOf = (lambda: number, changes: Partial<Config> = {}) => {
  const config = { ...DEMO_CONFIG, selection: { ...DEMO_CONFIG.selection, lambda }, ...changes };
  return emptyResult({ runName: 'mix', config }, [], []);
};

test('a result is found by its name, and that of another recipe under a name of its own', async () => {
  await keepResult({ result: resultOf(1) });
  await keepResult({ result: resultOf(1, { store: { uri: 's3://elsewhere/tive' } }) });
  await keepResult({ result: resultOf(2) });
  const former = `mix-${recipeHash(resultOf(1).config).slice(0, 6)}`;
  const found = await new StoreRuns(store).list();
  expect(found.map(({ runName }) => runName).sort()).toEqual(['mix', former]);
  expect((await storedResult(store, former))!.config).toMatchObject({
    selection: { lambda: 1 },
    // Read where it was found.
    store: { uri: store.uri },
  });
  expect((await storedResult(store, 'mix'))!.config.selection.lambda).toBe(2);
  expect(await storedResult(store, 'lost')).toBeNull();
});

test('the last result of a schedule is found where there is no other, and other bytes than were written tell nothing', async () => {
  await writeSealed(store, 'runs/nightly/last.json', { fingerprint: '', startedAtMs: 1, result: resultOf(3) });
  await store.write('runs/broken/result.json', [Buffer.from('{"runName": "broken", "seal": "00"}')]);
  const names = (await new StoreRuns(store).list()).map(({ runName }) => runName);
  expect([names.includes('nightly'), names.includes('broken')]).toEqual([true, false]);
  expect((await storedResult(store, 'nightly'))!.config.selection.lambda).toBe(3);
});

test('a result of a cluster is read out of the store that is asked for only where that has its rows', async () => {
  const rows = { uri: 'artifacts/dataset/aa', sha256: '00', rowCount: 1, schemaVersion: 1 };
  const result = { ...resultOf(1), dataset: { rows } as never };
  const before = result.config.store.uri;
  expect((await asFoundIn(store, result)).config.store.uri).toBe(before);
  await store.write(`${rows.uri}/artifact.json`, [Buffer.from('{}')]);
  expect((await asFoundIn(store, result)).config.store.uri).toBe(store.uri);
});
