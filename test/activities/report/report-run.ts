// A small run as the report's tests take it: a dataset on disk, its tables in a store.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { RunResult } from '../../../contracts/messages/run.ts';
import type { EvaluationResult } from '../../../contracts/messages/training.ts';
import type { LocalStore } from '../../../store/local-store.ts';
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
export const usable = Array.from({ length: ROWS }, (_, row) => row).filter((row) => row !== 2);
const selectedRows = [0, 1, 8, 9];

/** The dataset's file and pictures, and where each row lies in it. */
async function makeDataset(folder: string): Promise<{ path: string; places: [number, number][] }> {
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

export function hashes(rows: number[]): Uint8Array {
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

async function evaluation(
  store: LocalStore,
  name: string,
  correct: (row: number) => boolean,
): Promise<EvaluationResult> {
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

/** A run until its evaluation, with its artifacts in a store of the folder. */
export async function makeRun(folder: string, store: LocalStore): Promise<RunResult> {
  const { path, places } = await makeDataset(folder);
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
        evaluation: await evaluation(store, 'tive', (row) => row % 2 === 0),
      },
      {
        method: 'task_balanced',
        allocation: { ...allocation, method: 'task_balanced' },
        selection: { ...selectionResult, method: 'task_balanced' },
        finetune: null,
        evaluation: await evaluation(store, 'balanced', (row) => row % 4 !== 3),
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
