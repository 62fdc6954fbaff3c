import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MISSING_ROWS, mixtureRows } from '../../../bench/mixture.ts';
import type { MixtureRow } from '../../../bench/mixture.ts';
import { labelData } from '../../../client/data/label-data.ts';
import { LLAVA_PUBLISHED_COUNTS } from '../../../dataset/tasks/task-rules.ts';
import type { RowRecord } from '../../../dataset/rows/scan-dataset.ts';
import { datasetConfig, goldenEncoder, noisePng, scanAll } from '../small-folder.ts';

const SCALE = 1 / 500;
const folder = mkdtempSync(join(tmpdir(), 'tive-mixture-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = join(folder, 'llava_v1_5_mix665k.json');
const rows: MixtureRow[] = [...mixtureRows(SCALE)];
const counts = Object.fromEntries(
  Object.entries(LLAVA_PUBLISHED_COUNTS).map(([task, count]) => [task, Math.round(count * SCALE)]),
);
let records: RowRecord[];

beforeAll(async () => {
  writeFileSync(path, JSON.stringify(rows, null, 2));
  const pixels = { create: { width: 40, height: 30, channels: 3, background: '#336699' } } as const;
  const jpeg = await sharp(pixels).jpeg().toBuffer();
  for (const name of new Set(
    rows.flatMap(({ image }) => (image === undefined || image.includes('gone') ? [] : [image])),
  )) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), jpeg);
  }
  // GIF bytes under .jpg, and a JPEG that is cut short.
  writeFileSync(join(folder, 'gqa/images/7.jpg'), await sharp(pixels).gif().toBuffer());
  const noise = await sharp(await noisePng(60, 50, 1))
    .jpeg()
    .toBuffer();
  writeFileSync(join(folder, 'vg/VG_100K/3.jpg'), noise.subarray(0, noise.length / 2));
  const config = datasetConfig([path], { taskRules: 'llava-1.5', imageFolder: folder });
  records = await scanAll(config, await goldenEncoder());
});

describe('the mess of LLaVA-1.5’s mixture', () => {
  test('passes through: every row has its place, its task, and an outcome', () => {
    expect(records).toHaveLength(rows.length);
    const found: Record<string, number> = {};
    for (const { task } of records) found[task ?? 'none'] = (found[task ?? 'none'] ?? 0) + 1;
    expect(found).toEqual(counts);
    const text = readFileSync(path);
    for (const [index, { byteStart, byteEnd }] of records.entries())
      expect(JSON.parse(text.subarray(byteStart, byteEnd).toString('utf8'))).toEqual(rows[index]);
  });

  test('sets aside missing and damaged pictures alone, and counts wrong extensions', () => {
    const reasons: Record<string, number> = {};
    for (const { rejection } of records)
      if (rejection !== null) reasons[rejection.reason] = (reasons[rejection.reason] ?? 0) + 1;
    const damaged = rows.filter(({ image }) => image === 'vg/VG_100K/3.jpg').length;
    expect(reasons).toEqual({ image_missing: Math.ceil(MISSING_ROWS * SCALE), image_truncated: damaged });
    const wrong = rows.filter(({ image }) => image === 'gqa/images/7.jpg').length;
    expect(records.filter(({ extensionDiffers }) => extensionDiffers)).toHaveLength(wrong);
  });

  test('keeps ids as they are, numbers and texts', () => {
    expect(records.find(({ task }) => task === 'gqa')!.id).toBe('2000000');
    expect(records.find(({ task }) => task === 'vg')!.id).toBe('"vg-0"');
  });

  test('is labelled byte for byte', async () => {
    const target = join(folder, 'labelled.json');
    const { tasks, labelledCount } = await labelData(path, target, { taskField: 'dataset', rules: 'llava-1.5' });
    expect(Object.fromEntries(tasks)).toEqual(counts);
    expect(labelledCount).toBe(rows.length);
    const labelled = JSON.parse(readFileSync(target, 'utf8')) as (MixtureRow & { dataset: string })[];
    expect(labelled.map(({ dataset, ...row }) => [typeof dataset, row])).toEqual(rows.map((row) => ['string', row]));
  });
});
