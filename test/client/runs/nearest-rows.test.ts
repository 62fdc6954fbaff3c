// Rows whose gradients point most nearly the same way.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { NearestRows } from '../../../client/runs/nearest-rows.ts';
import type { GradientsOf } from '../../../client/runs/nearest-rows.ts';
import { openGradientTable, readGradients } from '../../../tables/gradients.ts';
import { SmallRun } from '../../activities/small-run.ts';

const run = new SmallRun();

describe.each(['float32', 'int8'])('the nearest rows of a table in %s', (storage) => {
  let asked: GradientsOf;
  const gradients = new Map<number, Float64Array>();
  beforeAll(async () => {
    // Small shards, so that there are several files.
    const config = run.config(`gradients.storage=${storage}`, 'gradients.shard_rows=9');
    const input = await run.gradientsInput(config);
    const made = await run.takeGradients(input);
    asked = { config, gradients: made, dataset: await run.scan(config) };
    const table = await openGradientTable(run.store, [made.gradients]);
    expect(table.files.length).toBeGreaterThan(2);
    for await (const { rowIndex, gradient } of readGradients(run.store, table))
      for (const [row, index] of rowIndex.entries())
        gradients.set(index, Float64Array.from(gradient.subarray(row * table.sketch, (row + 1) * table.sketch)));
  });

  const cosine = (left: Float64Array, right: Float64Array): number => {
    const dot = (one: Float64Array, other: Float64Array): number =>
      one.reduce((sum, value, place) => sum + value * other[place]!, 0);
    return dot(left, right) / Math.sqrt(dot(left, left) * dot(right, right));
  };

  test.each([
    ['kept in memory', Infinity],
    ['read again', 0],
  ])('%s are those with the highest cosines, one by one', async (_, mostBytes) => {
    const tables = (await NearestRows.open(asked, mostBytes))!;
    const wanted = [...gradients.keys()].filter((row) => row % 7 === 0);
    const found = await tables.nearest(wanted);
    for (const [place, row] of wanted.entries()) {
      const all = [...gradients]
        .filter(([other]) => other !== row)
        .map(([other, gradient]) => ({ rowIndex: other, cosine: cosine(gradients.get(row)!, gradient) }))
        .sort((left, right) => right.cosine - left.cosine);
      const [cosines, best] = [found[place]!.map((one) => one.cosine), all.slice(0, 5).map((one) => one.cosine)];
      expect(cosines).toBeAllclose(best, { rtol: 1e-12, atol: 0 });
      for (const { rowIndex, cosine: own } of found[place]!)
        expect([own]).toBeAllclose([all.find((one) => one.rowIndex === rowIndex)!.cosine], { rtol: 1e-12, atol: 0 });
    }
    expect(await tables.nearest([wanted[1]!])).toEqual([found[1]]);
  });

  test('are the same ones where the dataset numbers its rows otherwise than the table', async () => {
    const path = join(run.folder, 'turned.json');
    const rows = JSON.parse(readFileSync(join(run.folder, 'train.json'), 'utf8').replace('\ufeff', '')) as object[];
    writeFileSync(path, JSON.stringify(rows.toReversed()));
    const turned = await run.scan(run.config(`dataset.path=${path}`, `dataset.image_folder=${run.folder}/images`));
    expect(turned.usableCount).toBe(gradients.size);
    const tables = (await NearestRows.open({ ...asked, dataset: turned }, 0))!;
    const [row] = [...gradients.keys()].filter((one) => one > 9);
    const [[found], [before]] = [
      await tables.nearest([rows.length - 1 - row!]),
      await (await NearestRows.open(asked, 0))!.nearest([row!]),
    ];
    expect(found!.map((one) => one.cosine)).toEqual(before!.map((one) => one.cosine));
    expect(found![0]!.rowIndex).toBe(rows.length - 1 - before![0]!.rowIndex);
  });

  test('are none of a row without a gradient', async () => {
    const tables = (await NearestRows.open(asked, Infinity))!;
    expect(await tables.nearest([7, 1_000_000])).toEqual([[], []]);
    expect(tables.lateReason(7)).toBeNull();
  });

  test('are not known of a run without gradients', async () => {
    expect(await NearestRows.open({ ...asked, gradients: null }, 0)).toBeNull();
  });
});
