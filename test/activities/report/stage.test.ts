import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createReportActivities } from '../../../activities/report/stage.ts';
import type { ReportResult, RunResult } from '../../../contracts/messages/run.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { readManifest } from '../../../store/artifacts.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { filteredTable } from '../../../tables/filtered.ts';
import { makeArtifact } from '../../tables/artifact.ts';

import { hashes, makeRun, usable } from './report-run.ts';

let folder: string;
let store: LocalStore;
let result: RunResult;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-report-'));
  store = new LocalStore(join(folder, 'store'));
  result = await makeRun(folder, store);
});
afterAll(() => rm(folder, { recursive: true }));

async function write(run: RunResult): Promise<ArtifactReference> {
  const { writeReport } = createReportActivities({ openStore: () => store });
  const { report } = (await new MockActivityEnvironment().run(writeReport, { result: run })) as ReportResult;
  return report;
}

async function read(reference: ArtifactReference, name: string): Promise<string> {
  return readFile(join(folder, 'store', reference.uri, name), 'utf8');
}

describe('report of a small run', () => {
  test('holds the page, the tasks, the manifest and the quarantined rows, each with its hash', async () => {
    const reference = await write(result);
    const manifest = await readManifest(store, reference);
    expect(manifest.files.map(({ name }) => name)).toEqual([
      'report.html',
      'tasks.csv',
      'manifest.json',
      'quarantine.jsonl',
    ]);
    expect(await read(reference, 'quarantine.jsonl')).toBe(
      '{"row_index":2,"task":"=sum","reason":"answer_empty","detail":"turn 1: got \\"<i>\\""}\n',
    );
    expect(await write(result)).toEqual(reference);
  });

  test('other stage times give another address, since the page shows them', async () => {
    const slower = { ...result, stages: result.stages.map((stage) => ({ ...stage, durationMs: 99 })) };
    expect((await write(slower)).uri).not.toBe((await write(result)).uri);
  });

  test('the verdict compares on the paired test rows', async () => {
    const page = (await read(await write(result), 'report.html')).replaceAll('\u00a0', ' ');
    // 50 % against 75 %; only rows 1, 5, 9, … differ, so the standard error is that of a quarter of the rows.
    const found =
      /tive kept 4 of 11 usable rows \(36\.4 %\), 5 with copies and reached 50\.0 %; a task-balanced random choice of the same size reached 75\.0 % \(difference −25\.0 points, 95 % interval −(\d+\.\d) to −(\d+\.\d)\): on this run the task-balanced random choice was better\./.exec(
        page,
      );
    expect(found).not.toBeNull();
    // sd of one task's mean difference √(0.25·0.75/n), n = 40 and 20, averaged: 5.93 points; ±1.96 sd, and the
    // resampling's own noise.
    expect([Number(found![1]), Number(found![2])]).toBeAllclose([36.6, 13.4], { rtol: 0, atol: 2 });
  });

  test('examples show dialogue, and a small JPEG where the picture is still there and lies in its folder', async () => {
    const page = await read(await write(result), 'report.html');
    const examples = [...page.matchAll(/<li class="row">(.*?)<\/li>/gs)].map(([, content]) => content!);
    const shown = new Map(examples.map((content) => [Number(/row (\d+) ·/.exec(content)![1]), content]));
    // 12 a task in three groups of four: with five and six rows all of them, each once.
    expect([...shown.keys()].sort((left, right) => left - right)).toEqual(usable);
    expect([4, 6, 7].every((row) => !shown.get(row)!.includes('<img'))).toBe(true);
    expect(shown.get(9)).toContain('question 9 &lt;b&gt;ü&lt;/b&gt;');
    expect(shown.get(9)).toContain('selected ×\u00a02');
    const data = /<img src="data:image\/jpeg;base64,([^"]+)"/.exec(shown.get(9)!)![1]!;
    expect(await sharp(Buffer.from(data, 'base64')).metadata()).toMatchObject({
      format: 'jpeg',
      width: 128,
      height: 64,
    });
  });

  test('what filters left out is counted by task, with the rows that stand for most others and those with suspect answers', async () => {
    const droppedBy = new Map<number, [string, number]>([
      [1, ['loss_guard', 1]],
      ...[8, 9, 10].map((row) => [row, ['near_duplicates', 11]] as [number, [string, number]]),
      [3, ['near_duplicates', 0]],
    ]);
    const filtered = await makeArtifact(store, 'selection', { name: 'filtered' }, async (place) => [
      await filteredTable.write(store, place, [
        {
          rowCount: usable.length,
          rowIndex: Uint32Array.from(usable),
          contentHash: hashes(usable),
          filter: usable.map((row) => droppedBy.get(row)?.[0] ?? null),
          keptRowIndex: Uint32Array.from(usable, (row) => droppedBy.get(row)?.[1] ?? row),
        },
      ]),
    ]);
    const filters = ['loss_guard' as const, 'near_duplicates' as const];
    const task = (name: string, counts: [number, number], rowCount: number, badLossShare: number | null) => ({
      task: name,
      rowCount,
      keptCount: rowCount - counts[0] - counts[1],
      dropped: filters.map((filter, place) => ({ filter, count: counts[place]! })),
      badLossShare,
    });
    const tasks = [task('=sum', [1, 1], 5, 0.25), task('b', [0, 3], 6, null)];
    const filter = { filters, filtered, tasks, warnings: [], cached: false };
    const [own, ...others] = result.methods;
    const page = (await read(await write({ ...result, methods: [{ ...own!, filter }, ...others] }), 'report.html'))
      .split('id="filters"')[1]!
      .split('</section>')[0]!
      .replaceAll('\u00a0', ' ');
    expect(page).toContain('5 of 11 rows (45.5 %) were left out');
    const [, cells] = /<th[^>]*>b<\/th>(.*?)<\/tr>/s.exec(page)!;
    expect([...cells!.matchAll(/>([^<]+)<\/td>/g)].map(([, text]) => text)).toEqual(['6', '0', '3', '3', '–']);
    expect([...page.matchAll(/<h4>(.*?)<\/h4>/g)].map(([, title]) => title)).toEqual([
      'b: row 11 stands for 3 more',
      '=sum: row 0 stands for 1 more',
    ]);
    const rows = [...page.matchAll(/<li class="row">.*?row (\d+) ·.*?(?:class="tag[^>]*>([^<]+)<|<\/li>)/gs)];
    expect(rows.map(([, row, tag]) => `${row} ${tag ?? 'suspect'}`)).toEqual([
      ...['1 suspect', '11 kept', '8 left out', '9 left out', '10 left out'],
      ...['0 kept', '3 left out'],
    ]);
    expect(page).toContain('question 8 &lt;b&gt;ü&lt;/b&gt;');
  });

  test('thumbnails: false leaves pictures and dialogues out', async () => {
    const { config } = result;
    const page = await read(
      await write({ ...result, config: { ...config, report: { ...config.report, thumbnails: false } } }),
      'report.html',
    );
    expect(page).not.toContain('<img');
    expect(page).not.toContain('question 9');
  });

  test('tasks.csv has numbers in full and no formula', async () => {
    expect((await read(await write(result), 'tasks.csv')).split('\r\n')).toEqual([
      'task,rows,usable,value,value_low,value_high,share,ideal,quota,selected,copies,effective_share',
      "'=sum,6,5,2,1.9,2.1,0.5,2.5,2,2,2,0.9",
      'b,6,6,2,1.9,2.1,0.5,2.5,2,2,3,0.95',
      '',
    ]);
  });

  test('manifest.json names recipe, seeds, stages with their inputs, versions, quarantine and departures', async () => {
    const manifest = JSON.parse(await read(await write(result), 'manifest.json')) as Record<string, unknown>;
    expect(manifest).toMatchObject({
      schema_version: 1,
      run: 'small',
      status: 'done',
      recipe: { allocation: { budget_fraction: 0.15 }, dataset: { max_quarantined_fraction: 0.02 } },
      recipe_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
      seeds: { run: 42, projection: 0 },
      versions: { node: process.version, 'apache-arrow': expect.stringMatching(/^\d+\./) as unknown },
      quarantine: { answer_empty: 1 },
      warnings: ['same'],
    });
    const stages = manifest['stages'] as { stage: string; artifacts: object[] }[];
    expect(stages.map(({ stage }) => stage)).toEqual(['dataset', 'values']);
    expect(stages[0]!.artifacts).toMatchObject([
      {
        name: 'rows',
        cached: false,
        uri: result.dataset!.rows.uri,
        sha256: result.dataset!.rows.sha256,
        inputs: { files: ['rows.json'] },
      },
    ]);
    expect(stages[1]!.artifacts).toMatchObject([{ name: 'values', cached: true }]);
    expect(manifest['departures']).not.toEqual([]);
  });

  test('the time is that from the first start to the last end, since stages may run side by side', async () => {
    // Both stages start at 0; the longer one takes 7 ms.
    expect(await read(await write(result), 'report.html')).toContain('<dd class="value">7\u00a0ms</dd>');
  });

  test('a run without a selection is refused in words', async () => {
    await expect(write({ ...result, methods: [] })).rejects.toThrow(
      'report: the run must have a selection by tive, got none',
    );
  });
});
