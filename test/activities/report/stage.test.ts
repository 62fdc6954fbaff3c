import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createReportActivities } from '../../../activities/report/stage.ts';
import type { ReportResult, RunResult } from '../../../contracts/messages/run.ts';
import type { EvaluationResult } from '../../../contracts/messages/training.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { readManifest } from '../../../store/artifacts.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { outcomesTable } from '../../../tables/outcomes.ts';
import { rowsTable } from '../../../tables/rows.ts';
import type { RowsBatch } from '../../../tables/rows.ts';
import { selectionTable } from '../../../tables/selection.ts';
import { valuesTable } from '../../../tables/values.ts';
import type { ValuesBatch } from '../../../tables/values.ts';
import { makeArtifact } from '../../tables/artifact.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';

/**
 * Rows 0–5 of task `=sum`, 6–11 of `b`; row 2 is quarantined, row 4 has no picture any more, row 7 was never an image
 * row.
 */
const ROWS = 12;
const taskOf = (row: number): string => (row < 6 ? '=sum' : 'b');
const usable = Array.from({ length: ROWS }, (_, row) => row).filter((row) => row !== 2);
const selectedRows = [0, 1, 8, 9];

let folder: string;
let store: LocalStore;
let result: RunResult;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-report-'));
  store = new LocalStore(join(folder, 'store'));
  result = await makeRun();
});
afterAll(() => rm(folder, { recursive: true }));

/** The dataset's file and pictures, and where each row lies in it. */
async function makeDataset(): Promise<{ path: string; places: [number, number][] }> {
  await mkdir(join(folder, 'pictures'));
  let text = '[';
  const places: [number, number][] = [];
  for (let row = 0; row < ROWS; row += 1) {
    const json = JSON.stringify({
      id: row,
      image: `${row}.png`,
      conversations: [
        { from: 'human', value: `<image>\nquestion ${row} <b>ü</b>` },
        { from: 'gpt', value: `answer ${row}` },
      ],
    });
    const start = Buffer.byteLength(text);
    text += json;
    places.push([start, Buffer.byteLength(text)]);
    text += row === ROWS - 1 ? ']' : ',\n';
    if (row === 4 || row === 7) continue;
    const picture = sharp({
      create: { width: 300, height: 150, channels: 3, background: { r: row * 20, g: 90, b: 160 } },
    });
    await writeFile(join(folder, 'pictures', `${row}.png`), await picture.png().toBuffer());
  }
  const path = join(folder, 'rows.json');
  await writeFile(path, text);
  return { path, places };
}

function rowsBatch(places: [number, number][]): RowsBatch {
  const zeros = new Uint32Array(ROWS);
  return {
    rowCount: ROWS,
    rowIndex: Uint32Array.from(places.keys()),
    sourceIndex: zeros,
    byteStart: BigInt64Array.from(places, ([start]) => BigInt(start)),
    byteEnd: BigInt64Array.from(places, ([, end]) => BigInt(end)),
    id: places.map((_, row) => String(row)),
    task: places.map((_, row) => taskOf(row)),
    image: places.map((_, row) => (row === 7 ? null : row === 6 ? '../rows.json' : `${row}.png`)),
    contentHash: hashes([...places.keys()]),
    tokenCount: zeros,
    imageTokenCount: zeros,
    supervisedTokenCount: zeros,
    truncated: places.map(() => false),
    microBatch: zeros,
    shard: zeros,
    reason: places.map((_, row) => (row === 2 ? 'answer_empty' : null)),
  };
}

function hashes(rows: number[]): Uint8Array {
  return Uint8Array.from({ length: rows.length * 32 }, (_, byte) => rows[Math.floor(byte / 32)]! * 7 + (byte % 32));
}

const instanceValue = (row: number): number => row / 10 - 0.5;

function valuesBatch(): ValuesBatch {
  const values = Float64Array.from(usable, instanceValue);
  return {
    rowCount: usable.length,
    rowIndex: Uint32Array.from(usable),
    contentHash: hashes(usable),
    task: usable.map(taskOf),
    loss: Float64Array.from(usable, () => 1.25),
    supervisedTokenCount: Uint32Array.from(usable, () => 3),
    gradientNorm: Float64Array.from(usable, () => 2),
    el2n: values,
    meanOfCosines: values,
    cosineToMean: values,
  };
}

async function evaluation(name: string, correct: (row: number) => boolean): Promise<EvaluationResult> {
  const rows = Array.from({ length: 60 }, (_, row) => row);
  const outcomes = await makeArtifact(store, 'evaluation', { name }, async (place) => [
    await outcomesTable.write(store, place, [
      {
        rowCount: rows.length,
        rowIndex: Uint32Array.from(rows),
        task: rows.map((row) => (row < 40 ? '=sum' : 'b')),
        loss: Float64Array.from(rows, () => 1),
        correct: rows.map(correct),
      },
    ]),
  ]);
  const tasks = [
    { task: '=sum', rowCount: 40, correctCount: rows.filter((row) => row < 40 && correct(row)).length, meanLoss: 1 },
    { task: 'b', rowCount: 20, correctCount: rows.filter((row) => row >= 40 && correct(row)).length, meanLoss: 1 },
  ];
  const macroAccuracy = tasks.reduce((sum, { correctCount, rowCount }) => sum + correctCount / rowCount / 2, 0);
  return { outcomes, tasks, macroAccuracy, meanLoss: 1, cached: false };
}

async function makeRun(): Promise<RunResult> {
  const { path, places } = await makeDataset();
  const quarantine = {
    name: 'quarantine.jsonl',
    text: `${JSON.stringify({ row_index: 2, task: '=sum', reason: 'answer_empty', detail: 'turn 1: got "<i>"' })}\n`,
  };
  const rows = await makeArtifact(store, 'dataset', { files: ['rows.json'] }, async (place) => [
    await rowsTable.write(store, place, [rowsBatch(places)]),
    {
      name: quarantine.name,
      rowCount: 0,
      ...(await store.write(`${place}/${quarantine.name}`, [Buffer.from(quarantine.text)])),
    },
  ]);
  const values = await makeArtifact(store, 'values', { name: 'values' }, async (place) => [
    await valuesTable.write(store, place, [valuesBatch()]),
  ]);
  const selection = await makeArtifact(store, 'selection', { name: 'selection' }, async (place) => [
    await selectionTable.write(store, place, [
      {
        rowCount: 4,
        rowIndex: Uint32Array.from(selectedRows),
        contentHash: hashes(selectedRows),
        task: selectedRows.map(taskOf),
        copies: Uint32Array.of(1, 1, 1, 2),
        probability: new Float64Array(4),
        rank: new Uint32Array(4),
      },
    ]),
  ]);
  const config = {
    ...DEMO_CONFIG,
    store: { uri: store.uri },
    dataset: { ...DEMO_CONFIG.dataset, path: [path], imageFolder: join(folder, 'pictures') },
  };
  const allocation = {
    method: 'tive' as const,
    budget: 5,
    warnings: [],
    tasks: ['=sum', 'b'].map((task) => ({ task, rows: 6, value: 2, share: 0.5, ideal: 2.5, quota: 2 })),
  };
  const selectionResult = {
    method: 'tive' as const,
    selection,
    rowCount: 5,
    warnings: [],
    cached: false,
    tasks: [
      { task: '=sum', selected: 2, copies: 2, effectiveShare: 0.9 },
      { task: 'b', selected: 2, copies: 3, effectiveShare: 0.95 },
    ],
  };
  return {
    runName: 'small',
    config,
    dataset: {
      rows,
      rowCount: ROWS,
      usableCount: 11,
      tasks: [
        { task: '=sum', rowCount: 6, usableCount: 5 },
        { task: 'b', rowCount: 6, usableCount: 6 },
      ],
      quarantined: [{ reason: 'answer_empty', count: 1 }],
      duplicateCount: 0,
      microBatchCount: 1,
      shardCount: 1,
      tokenCount: 100,
      warnings: [],
      cached: false,
    },
    warmup: null,
    gradients: null,
    values: {
      values,
      warnings: [],
      cached: true,
      tasks: ['=sum', 'b'].map((task, index) => ({
        task,
        rowCount: 5 + index,
        value: 2,
        interval: [1.9, 2.1],
        meanLoss: 1.25,
        meanSupervisedTokens: 3,
      })),
    },
    methods: [
      {
        method: 'tive',
        allocation,
        selection: selectionResult,
        finetune: null,
        evaluation: await evaluation('tive', (row) => row % 2 === 0),
      },
      {
        method: 'task_balanced',
        allocation: { ...allocation, method: 'task_balanced' },
        selection: { ...selectionResult, method: 'task_balanced' },
        finetune: null,
        evaluation: await evaluation('balanced', (row) => row % 4 !== 3),
      },
    ],
    baseEvaluation: null,
    evaluationRows: null,
    stages: [
      {
        stage: 'dataset',
        state: 'done',
        detail: '12 rows',
        doneCount: 1,
        totalCount: 1,
        startedAtMs: 0,
        durationMs: 5,
      },
      {
        stage: 'values',
        state: 'cached',
        detail: '2 tasks',
        doneCount: 1,
        totalCount: 1,
        startedAtMs: 0,
        durationMs: 7,
      },
      { stage: 'report', state: 'running', detail: '', doneCount: 0, totalCount: 1, startedAtMs: 9, durationMs: null },
    ],
    warnings: ['same', 'same'],
    report: null,
    reselection: null,
  };
}

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
