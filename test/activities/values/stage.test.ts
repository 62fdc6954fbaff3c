import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { centreOf } from '../../../algorithms/robust-means.ts';
import { mergeTaskSums, finishTaskSums } from '../../../algorithms/task-values.ts';
import { joinRows } from '../../../activities/values/eligible-rows.ts';
import { runPass } from '../../../activities/values/pass.ts';
import type { PassRequest, PassResults } from '../../../activities/values/pass.ts';
import { splitFiles } from '../../../activities/values/passes.ts';
import { SPACE_FILE, readSpace } from '../../../activities/values/space.ts';
import { createValuesActivities, findValues } from '../../../activities/values/stage.ts';
import type { Config } from '../../../contracts/config.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { readExcluded } from '../../../tables/excluded.ts';
import { contentHexAt } from '../../../tables/hash-column.ts';
import { openGradientTable, readGradients } from '../../../tables/gradients.ts';
import { RowLookup } from '../../../tables/row-lookup.ts';
import { valuesTable } from '../../../tables/values.ts';
import { SmallRun, inActivity } from '../small-run.ts';

const run = new SmallRun();
const { estimateValues } = createValuesActivities(run.dependencies);

/** A row of the gradient table or of the values. */
interface TableRow {
  task: string;
  norm: number;
  loss: number;
  tokens: number;
  gradient: Float64Array;
}

/** All rows of a table by row index. */
async function tableOf(gradients: ArtifactReference): Promise<Map<number, TableRow>> {
  const rows = new Map<number, TableRow>();
  const table = await openGradientTable(run.store, [gradients]);
  for await (const batch of readGradients(run.store, table))
    for (const [row, rowIndex] of batch.rowIndex.entries()) {
      const values = batch.gradient.subarray(row * table.sketch, (row + 1) * table.sketch);
      rows.set(rowIndex, {
        task: batch.task[row]!,
        norm: batch.gradientNorm[row]!,
        loss: batch.loss[row]!,
        tokens: batch.supervisedTokenCount[row]!,
        gradient: Float64Array.from(values, (value) => value * batch.gradientScale[row]!),
      });
    }
  return rows;
}

interface ValuedRow {
  rowIndex: number;
  task: string;
  norm: number;
  meanOfCosines: number;
  cosineToMean: number;
}

async function valuesOf(values: ArtifactReference): Promise<ValuedRow[]> {
  const rows: ValuedRow[] = [];
  for await (const batch of valuesTable.read(run.store, values))
    for (const [row, rowIndex] of batch.rowIndex.entries())
      rows.push({
        rowIndex,
        task: batch.task[row]!,
        norm: batch.gradientNorm[row]!,
        meanOfCosines: batch.meanOfCosines[row]!,
        cosineToMean: batch.cosineToMean[row]!,
      });
  return rows;
}

const dot = (left: Float64Array, right: Float64Array): number =>
  left.reduce((sum, value, place) => sum + value * right[place]!, 0);
const cosine = (left: Float64Array, right: Float64Array): number =>
  dot(left, right) / Math.sqrt(dot(left, left) * dot(right, right));
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Sums of gradients are fixed-point numbers of 31 bits. */
const COSINES = { rtol: 0, atol: 1e-8 };

describe.each(['float32', 'int8'])('values of a table in %s', (storage) => {
  let config: Config;
  let gradients: ArtifactReference;
  let rows: ArtifactReference;
  let table: Map<number, TableRow>;
  beforeAll(async () => {
    config = run.config(`gradients.storage=${storage}`);
    ({ gradients, rows } = await run.estimate(config));
    table = await tableOf(gradients);
  });

  test('are the mean norm of each task, with an interval around it', async () => {
    const { tasks, warnings } = await run.estimate(config);
    expect(warnings).toEqual([]);
    expect(tasks.map(({ task, rowCount }) => [task, rowCount])).toEqual([
      ['name', 24],
      ['sum', 12],
      ['tell', 20],
    ]);
    for (const { task, value, interval, meanLoss, meanSupervisedTokens } of tasks) {
      const own = [...table.values()].filter((row) => row.task === task);
      const wanted = [
        mean(own.map(({ norm }) => norm)),
        mean(own.map(({ loss }) => loss)),
        mean(own.map(({ tokens }) => tokens)),
      ];
      expect([value!, meanLoss!, meanSupervisedTokens!]).toBeAllclose(wanted, { rtol: 1e-12, atol: 0 });
      expect(interval![0]).toBeLessThan(value!);
      expect(interval![1]).toBeGreaterThan(value!);
    }
  });

  test('are the cosines of each row with those of its task, one by one, and with their mean', async () => {
    const valued = await valuesOf((await run.estimate(config)).values);
    expect(valued).toHaveLength(table.size);
    for (const task of ['name', 'sum', 'tell']) {
      const own = [...table.values()].filter((row) => row.task === task).map(({ gradient }) => gradient);
      const meanGradient = own[0]!.map((_, place) => mean(own.map((gradient) => gradient[place]!)));
      const lines = valued.filter((row) => row.task === task);
      const gradientsOf = lines.map(({ rowIndex }) => table.get(rowIndex)!.gradient);
      expect(lines.map(({ norm }) => norm)).toEqual(lines.map(({ rowIndex }) => table.get(rowIndex)!.norm));
      expect(lines.map(({ meanOfCosines }) => meanOfCosines)).toBeAllclose(
        gradientsOf.map((gradient) => mean(own.map((other) => cosine(gradient, other)))),
        COSINES,
      );
      expect(lines.map(({ cosineToMean }) => cosineToMean)).toBeAllclose(
        gradientsOf.map((gradient) => cosine(gradient, meanGradient)),
        COSINES,
      );
    }
  });

  test('have the same bits from any number of parts', async () => {
    const whole = await passesOver(1);
    expect(whole.parts).toBe(1);
    for (const partCount of [2, 3, 7]) {
      const { parts, ...results } = await passesOver(partCount);
      expect(parts).toBeGreaterThan(1);
      expect(results).toEqual({ scan: whole.scan, sum: whole.sum, score: whole.score });
    }
  });

  /** The three passes, part by part, as threads do them. */
  async function passesOver(partCount: number) {
    const whole = await openGradientTable(run.store, [gradients]);
    const parts = splitFiles(whole.files, partCount).map((files) => ({ ...whole, files }));
    const counts = parts.map(({ files }) => files.reduce((sum, { file }) => sum + file.rowCount, 0));
    const pass = async <Pass extends PassRequest['pass']>(
      requestOf: (start: number, end: number) => PassRequest & { pass: Pass },
    ): Promise<PassResults[Pass][]> => {
      const results = [];
      for (const [index, part] of parts.entries()) {
        const start = counts.slice(0, index).reduce((sum, count) => sum + count, 0);
        const request = requestOf(start, start + counts[index]!);
        results.push((await runPass(run.store, part, request, () => Promise.resolve())) as PassResults[Pass]);
      }
      return results;
    };
    const joined = (columns: readonly ArrayLike<number>[]): number[] =>
      columns.flatMap((column) => [...Array.from(column)]);
    const scanned = await pass<'scan'>(() => ({ pass: 'scan' }));
    const scan = {
      contentHash: Uint8Array.from(joined(scanned.map(({ contentHash }) => contentHash))),
      usable: Uint8Array.from(joined(scanned.map(({ usable }) => usable))),
      largest: Float64Array.from(joined(scanned.map(({ largest }) => largest))),
      loss: Float64Array.from(joined(scanned.map(({ loss }) => loss))),
      supervisedTokenCount: Uint32Array.from(joined(scanned.map(({ supervisedTokenCount }) => supervisedTokenCount))),
      gradientNorm: Float64Array.from(joined(scanned.map(({ gradientNorm }) => gradientNorm))),
      el2n: Float64Array.from(joined(scanned.map(({ el2n }) => el2n))),
    };
    const { taskIndex, maxima } = joinRows(scan, await RowLookup.read(run.store, rows), {
      tasks: [],
      rows: new Set(),
    });
    const [sum, ...others] = await pass<'sum'>((start, end) => ({
      pass: 'sum',
      maxima,
      taskIndex: taskIndex.slice(start, end),
    }));
    for (const other of others) mergeTaskSums(sum!, other);
    const scored = await pass<'score'>((start, end) => ({
      pass: 'score',
      statistics: finishTaskSums(sum!),
      selfTerm: true,
      taskIndex: taskIndex.slice(start, end),
      sampled: new Uint8Array(end - start).fill(1),
    }));
    const score = {
      mean_of_cosines: joined(scored.map((part) => part.mean_of_cosines)),
      cosine_to_mean: joined(scored.map((part) => part.cosine_to_mean)),
      sample: joined(scored.map(({ sample }) => sample)),
    };
    return { parts: parts.length, scan, sum: finishTaskSums(sum!), score };
  }
});

describe('values', () => {
  test('are estimated once: asked again, the same artifact comes back', async () => {
    const { rows, gradients, ...found } = await run.estimate(run.config());
    const input = { config: run.config(), rows, gradients: [gradients] };
    expect(await inActivity(estimateValues, input)).toEqual({ ...found, cached: true });
    expect(await findValues(run.store, input, run.dependencies.openStore)).toEqual({ ...found, cached: true });
    expect(
      await findValues(run.store, { ...input, config: run.config('run.seed=9') }, run.dependencies.openStore),
    ).toBeNull();
  });

  test('leave out the rows of excluded tasks, and change no other', async () => {
    const all = await run.estimate(run.config());
    const some = await run.estimate(run.config('dataset.exclude_tasks=[tell]'));
    expect(some.gradients).toEqual(all.gradients);
    expect(some.tasks).toEqual(all.tasks.filter(({ task }) => task !== 'tell'));
    expect(await valuesOf(some.values)).toEqual((await valuesOf(all.values)).filter(({ task }) => task !== 'tell'));
  });

  test('leave out the rows of a list by id or by content, once, and change no other gradient', async () => {
    const all = await run.estimate(run.config());
    const place = join(run.folder, 'left-out.txt');
    const hashes = new Map<number, string>();
    for await (const { rowIndex, contentHash } of valuesTable.read(run.store, all.values))
      for (const [row, index] of rowIndex.entries()) hashes.set(index, contentHexAt(contentHash, row));
    const [one, other] = [...hashes.keys()];
    writeFileSync(place, `# two rows\n${hashes.get(one!)}\n${hashes.get(other!)}\n`);
    const config = run.config(`dataset.exclude_rows=${place}`);
    const some = await run.estimate(config);
    const leftOut = await readExcluded(run.store, some.values);
    expect(leftOut).toEqual([one, other]);
    expect(some.gradients).toEqual(all.gradients);
    expect(some.warnings).toContain('dataset.exclude_rows: 2 rows are left out of values and selection');
    const kept = (await valuesOf(all.values)).map(({ rowIndex }) => rowIndex).filter((row) => !leftOut.includes(row));
    expect((await valuesOf(some.values)).map(({ rowIndex }) => rowIndex)).toEqual(kept);
    expect(await readExcluded(run.store, all.values)).toEqual([]);
    const input = { config, rows: some.rows, gradients: [some.gradients] };
    expect((await inActivity(estimateValues, input)).cached).toBe(true);
    // What the file says is in the address, not where it lies.
    writeFileSync(place, `${hashes.get(one!)}\n`);
    const fewer = await inActivity(estimateValues, input);
    expect([fewer.cached, fewer.values.rowCount]).toEqual([false, all.values.rowCount - 1]);
  });

  test('without self term leave a row’s cosine with itself out', async () => {
    const all = await valuesOf((await run.estimate(run.config())).values);
    const without = await valuesOf((await run.estimate(run.config('values.self_term=false'))).values);
    const count = { name: 24, sum: 12, tell: 20 };
    const wanted = all.map(({ task, meanOfCosines }) => {
      const rowCount = count[task as keyof typeof count];
      return (rowCount * meanOfCosines - 1) / (rowCount - 1);
    });
    expect(without.map(({ meanOfCosines }) => meanOfCosines)).toBeAllclose(wanted, COSINES);
    expect(without.map(({ cosineToMean }) => cosineToMean)).toEqual(all.map(({ cosineToMean }) => cosineToMean));
  });

  test.each([
    ['self_influence', ({ norm }: TableRow) => norm * norm],
    ['gradient_norm_sum', ({ norm, tokens }: TableRow) => norm * tokens],
  ])('of kind %s are means of what it says of a row', async (kind, valueOf) => {
    const { tasks, gradients } = await run.estimate(run.config(`values.task_value=${kind}`));
    const table = await tableOf(gradients);
    for (const { task, value } of tasks) {
      const own = [...table.values()].filter((row) => row.task === task);
      expect([value!]).toBeAllclose([mean(own.map(valueOf))], { rtol: 1e-12, atol: 0 });
    }
  });

  test.each([
    ['gradient_norm_trimmed', 'trimmed'],
    ['gradient_norm_winsorised', 'winsorised'],
    ['gradient_norm_median', 'median'],
  ] as const)('of kind %s are the %s norms', async (kind, centre) => {
    const { tasks, gradients } = await run.estimate(run.config(`values.task_value=${kind}`));
    const table = await tableOf(gradients);
    for (const { task, value, interval } of tasks) {
      const own = [...table.values()].filter((row) => row.task === task);
      expect(value).toBe(
        centreOf(
          own.map(({ norm }) => norm),
          centre,
        ),
      );
      expect(interval![0] <= value! && value! <= interval![1]).toBe(true);
    }
  });

  test('come with a map of the rows and of the tasks', async () => {
    const { values } = await run.estimate(run.config());
    const space = await readSpace(
      run.store,
      values,
      new Map([
        [0, 1],
        [7, 1],
      ]),
    );
    expect(run.hashOf(values, SPACE_FILE)).toMatch(/^[0-9a-f]{64}$/);
    expect(space!.points).toHaveLength(56);
    // Row 7 is set aside.
    expect(space!.selectedRows).toEqual([0]);
    expect(space!.tasks).toEqual(['name', 'sum', 'tell']);
    space!.taskCosines.forEach((line, task) => expect(line[task]).toBe(1));
    for (const { nearestCosine } of space!.points) expect(Math.abs(nearestCosine)).toBeLessThanOrEqual(1);
  });
});
