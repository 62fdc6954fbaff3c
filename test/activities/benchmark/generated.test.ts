// Generated accuracy on its way through a benchmark: from a run's result to page, table and lines.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, expect, test } from 'vitest';
import { createKeepCellActivities } from '../../../activities/benchmark/keep-cell.ts';
import { createBenchmarkActivities } from '../../../activities/benchmark/stage.ts';
import { benchmarkGrid } from '../../../contracts/benchmark-cells.ts';
import type { BenchmarkReport } from '../../../contracts/messages/benchmark.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import type { TaskScore } from '../../../contracts/messages/training.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { rowsTable } from '../../../tables/rows.ts';
import { selectionTable } from '../../../tables/selection.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';
import { makeArtifact } from '../../tables/artifact.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-benchmark-'));
const store = new LocalStore(folder);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const { keepBenchmarkCell } = createKeepCellActivities({ openStore: () => store });
const { writeBenchmark } = createBenchmarkActivities({ openStore: () => store });

const config = {
  ...DEMO_CONFIG,
  evaluation: { ...DEMO_CONFIG.evaluation, compare: ['random' as const] },
  benchmark: { ...DEMO_CONFIG.benchmark, seeds: 2 },
};

const one = { rowCount: 1, rowIndex: Uint32Array.of(0), contentHash: new Uint8Array(32) };
const counts = Uint32Array.of(1);
const rows = (): Promise<ArtifactReference> =>
  makeArtifact(store, 'dataset', { name: 'rows' }, async (place) => [
    await rowsTable.write(store, place, [
      {
        ...one,
        sourceIndex: counts,
        byteStart: BigInt64Array.of(0n),
        byteEnd: BigInt64Array.of(1n),
        id: ['1'],
        task: ['name'],
        image: [null],
        tokenCount: counts,
        imageTokenCount: counts,
        supervisedTokenCount: counts,
        truncated: [false],
        microBatch: counts,
        shard: counts,
        reason: [null],
      },
    ]),
  ]);
const selection = (): Promise<ArtifactReference> =>
  makeArtifact(store, 'selection', { name: 'selection' }, async (place) => [
    await selectionTable.write(store, place, [
      { ...one, task: ['name'], copies: counts, probability: new Float64Array(1), rank: counts },
    ]),
  ]);

/** Two tasks of ten rows; of one of them answers that score so much, or none. */
function tasksOf(scoreSum: number | null): { tasks: TaskScore[]; macroAccuracy: number; macroGenerated?: number } {
  const task = (name: string): TaskScore => ({ task: name, rowCount: 10, correctCount: 4, meanLoss: 1 });
  const plain = { tasks: [task('name'), task('tell')], macroAccuracy: 0.4 };
  if (scoreSum === null) return plain;
  const generated = { rowCount: 10, scoreSum, isOwnScorer: false };
  const tasks = [
    { ...task('name'), generated },
    { ...task('tell'), generated: null },
  ];
  return { ...plain, tasks, macroGenerated: scoreSum / 10 };
}

async function benchmark(sums: readonly (number | null)[]): Promise<BenchmarkReport> {
  const [dataset, chosen] = [await rows(), await selection()];
  const cells: ArtifactReference[] = [];
  for (const [index, cell] of benchmarkGrid(config).cells.entries()) {
    const methods = cell.methods.map((method) => ({
      method,
      selection: { selection: chosen, rowCount: 1, tasks: [] },
      finetune: { stepCount: 5 },
      evaluation: { ...tasksOf(sums[index]!), meanLoss: 1 },
    }));
    const result = { dataset: { rows: dataset }, methods } as unknown as RunResult;
    const kept = await keepBenchmarkCell({ config, cell, result });
    const generated = sums[index] === null ? {} : { macroGenerated: sums[index]! / 10 };
    expect(kept.scores[0]).toEqual({ method: 'tive', macroAccuracy: 0.4, ...generated });
    cells.push(kept.cell);
  }
  const baseOutcome = tasksOf(sums[0] === null ? null : 1);
  return writeBenchmark({ config, benchmarkName: 'b', cells, baseOutcome, warnings: [], durationMs: 1 });
}

const file = ({ report }: BenchmarkReport, name: string): Buffer => readFileSync(join(folder, report.uri, name));
const linesOf = async (written: BenchmarkReport) => {
  const bytes = Uint8Array.from(file(written, 'results.parquet'));
  return parquetReadObjects({ file: bytes.buffer });
};

test('what answers score is on the page, in the lines, in the table and in the JSON file', async () => {
  const written = await benchmark([6, 8]);
  expect(written.lines.join('\n')).toMatch(/generated accuracy\n.*70\.0 % ± 14\.1/);
  expect(file(written, 'benchmark.html').toString().replaceAll('\u00a0', ' ')).toContain(
    'Its generated accuracy, of answers in free text, is 10.0 %. Tasks whose answers are not short have none: tell.',
  );
  expect(JSON.parse(file(written, 'benchmark.json').toString())).toMatchObject({
    generated: { base_accuracy: 0.1, left_out: ['tell'] },
    tables: [{ methods: [{ generated: { accuracy: { scores: [0.6, 0.8] } } }, {}] }],
  });
  expect((await linesOf(written))[0]).toMatchObject({ task: 'name', accuracy: 0.4, generated_accuracy: 0.6 });
});

test('a benchmark without them has no word of them', async () => {
  const written = await benchmark([null, null]);
  for (const name of ['benchmark.html', 'benchmark.json'])
    expect(file(written, name).toString()).not.toMatch(/generated accuracy|generated_|"generated"/i);
  expect(Object.keys((await linesOf(written))[0]!)).not.toContain('generated_accuracy');
  expect(written.lines.join('\n')).not.toContain('generated');
});
