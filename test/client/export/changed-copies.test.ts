import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createAllocationActivities } from '../../../activities/selection/allocation.ts';
import { createSelectionActivities } from '../../../activities/selection/stage.ts';
import { rowWithChanges } from '../../../client/export/export-copies.ts';
import { exportRun } from '../../../client/export/export.ts';
import { changedCountOf, changeText } from '../../../contracts/augmentation.ts';
import type { PictureChange } from '../../../contracts/augmentation.ts';
import type { DatasetConfig } from '../../../contracts/config.ts';
import { emptyResult } from '../../../contracts/messages/run.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import type { SelectionResult } from '../../../contracts/messages/selection.ts';
import { changePicture, pictureChanger } from '../../../dataset/images/change-picture.ts';
import { decodeImage } from '../../../dataset/images/image-decode.ts';
import type { RgbImage } from '../../../dataset/images/image-decode.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';
import { RowReader } from '../../../dataset/rows/row-reader.ts';
import type { LocalDataset } from '../../../dataset/rows/row-source.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { readChanges } from '../../../tables/copies.ts';
import { inActivity, SmallRun } from '../../activities/small-run.ts';
import {
  conversation,
  datasetConfig,
  goldenEncoder,
  noisePng,
  scanAll,
  writeBelow,
} from '../../dataset/small-folder.ts';

/** The mean colour of the golden model's processor. */
const MEAN = [122, 116, 104] as const;
const FLIP: PictureChange = { operation: 'flip', parameter: 0 };

async function decoded(bytes: Uint8Array): Promise<RgbImage> {
  const picture = await decodeImage(bytes);
  if (isRejection(picture)) throw new Error(picture.detail);
  // Of one kind, whether it was decoded or computed.
  return { ...picture, data: Uint8Array.from(picture.data) };
}

describe('a row of a changed copy', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tive-copies-'));
    await writeBelow(folder, 'a.png', await noisePng(12, 8, 1));
    await writeBelow(folder, 'b.png', await noisePng(9, 9, 2));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** The row's bytes as its third copy, flipped. */
  async function changed(text: string, settings: Partial<DatasetConfig> = {}, packed: string | null = null) {
    const plain = datasetConfig([await writeBelow(folder, 'rows.jsonl', text)], { maxImages: 4, ...settings });
    const dataset: LocalDataset = { ...plain, sources: plain.sources.map((source) => ({ ...source, packed })) };
    const [place] = await scanAll(dataset, await goldenEncoder());
    const reader = RowReader.over(dataset);
    const { bytes, row, source } = await reader.at(place!);
    if (isRejection(row)) throw new Error(row.detail);
    const files = new LocalStore(join(folder, 'export'));
    const target = { reader, dataset, change: pictureChanger('none'), files, folder: 'images/run/copies' };
    try {
      return Buffer.from(
        await rowWithChanges({ place: place!, bytes, parsed: row, source }, 3, FLIP, target),
      ).toString();
    } finally {
      await reader.close();
    }
  }

  const folderOf = (): string => join(folder, 'export/images/run/copies');

  /** That a file holds a picture of the folder, flipped. */
  async function requireFlipped(file: string, name: string): Promise<void> {
    const wanted = changePicture(await decoded(await readFile(join(folder, name))), FLIP, MEAN);
    expect(await decoded(await readFile(file))).toEqual(wanted);
  }

  test('names files by the row’s content, its place, the copy and the operation; all else stays byte for byte', async () => {
    const text =
      '{ "id" : 1.50, "image":"a.png","conversations":[{"from":"human","value":"<image>\\u0041 a.png?"}, {"from":"gpt","value":"a.png"}] }';
    const row = await changed(text);
    const [file = ''] = await readdir(folderOf());
    expect(file).toMatch(/^[0-9a-f]{16}-0-3-flip\.png$/);
    expect(row).toBe(text.replace('"image":"a.png"', `"image":"${join(folderOf(), file)}"`));
    await requireFlipped(join(folderOf(), file), 'a.png');
  });

  test.each<[form: string, row: object, settings: Partial<DatasetConfig>]>([
    ['a list', { images: ['a.png', 'b.png'], conversations: conversation('<image><image>Q?', 'A.') }, {}],
    [
      'parts of a content',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image', image: 'a.png' },
              { type: 'image_url', image_url: { url: 'b.png' } },
              { type: 'text', text: 'Q?' },
            ],
          },
          { role: 'assistant', content: 'A.' },
        ],
      },
      {},
    ],
    [
      'keys of their own',
      { pics: ['a.png', 'b.png'], q: 'Q?', a: 'A.' },
      { columns: { images: 'pics', question: 'q', answer: 'a' } },
    ],
  ])('names each of several pictures, in %s', async (_, row, settings) => {
    const found = await changed(JSON.stringify(row), settings);
    const files = (await readdir(folderOf())).sort();
    expect(files.map((file) => file.slice(16))).toEqual(['-0-3-flip-1.png', '-0-3-flip-2.png']);
    await requireFlipped(join(folderOf(), files[0]!), 'a.png');
    await requireFlipped(join(folderOf(), files[1]!), 'b.png');
    const named = ['a.png', 'b.png'].reduce(
      (text, name, index) => text.replace(`"${name}"`, JSON.stringify(join(folderOf(), files[index]!))),
      JSON.stringify(row),
    );
    expect(found).toBe(named);
  });

  test('names a file in the place of a picture that stands in the row', async () => {
    const uri = `data:image/png;base64,${(await readFile(join(folder, 'a.png'))).toString('base64')}`;
    const row = JSON.parse(
      await changed(JSON.stringify({ image: uri, conversations: conversation('<image>?', 'A.') })),
    ) as { image: string };
    await requireFlipped(row.image, 'a.png');
  });

  test('names files below its own where pictures are packed with rows', async () => {
    const name = '00000/000000000-0.png';
    await writeBelow(folder, name, await readFile(join(folder, 'a.png')));
    const row = JSON.parse(
      await changed(JSON.stringify({ image: name, conversations: conversation('<image>?', 'A.') }), {}, folder),
    ) as { image: string };
    expect(row.image).toMatch(/^images\/run\/copies\/[0-9a-f]{16}-0-3-flip\.png$/);
    await requireFlipped(join(folder, 'export', row.image), 'a.png');
  });

  test('is refused where its pictures are a text of JSON, and where they are others by now', async () => {
    const row = { images: '["a.png"]', conversations: conversation('<image>Q?', 'A.') };
    await expect(changed(JSON.stringify(row))).rejects.toThrow(
      'export: row 0 must name each picture as a text of its own for a copy with a changed one, got another form; ' +
        'tive data convert writes such rows',
    );
    const dataset = datasetConfig([join(folder, 'rows.jsonl')]);
    const [place] = await scanAll(dataset, await goldenEncoder());
    const reader = RowReader.over(dataset);
    const { bytes, row: parsed, source } = await reader.at(place!);
    if (isRejection(parsed)) throw new Error(parsed.detail);
    await writeBelow(folder, 'a.png', await noisePng(12, 8, 5));
    const files = new LocalStore(join(folder, 'export'));
    const target = { reader, dataset, change: pictureChanger('none'), files, folder: 'images' };
    await expect(rowWithChanges({ place: place!, bytes, parsed, source }, 2, FLIP, target)).rejects.toThrow(
      'other texts or pictures',
    );
    await reader.close();
  });
});

describe('an export of a selection with changed copies', () => {
  const run = new SmallRun(
    ...['budget_rows=90', 'overflow=repeat', 'weighting=equal', 'augment=pictures'].map((key) => `allocation.${key}`),
  );
  let folder: string;
  let result: RunResult;
  let selected: SelectionResult;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tive-export-'));
    const config = run.config();
    const dataset = await run.scan(config);
    const values = await run.estimate(config);
    const allocation = await inActivity(createAllocationActivities().allocateRows, {
      ...{ config, method: 'tive' as const, tasks: values.tasks, allRowCount: dataset.rowCount },
    });
    selected = await inActivity(createSelectionActivities(run.dependencies).selectRows, {
      ...{ config, method: 'tive' as const, values: values.values, allocation, rows: dataset.rows },
    });
    const methods = [{ method: 'tive' as const, allocation, selection: selected, finetune: null, evaluation: null }];
    result = { ...emptyResult({ runName: 'small', config }, [], []), dataset, values, methods };
  });
  afterAll(() => rm(folder, { recursive: true }));

  const CHANGED = 30 - 24 + (30 - 20);

  interface ExportedRow {
    id: number;
    image?: string;
    tive?: { row_index: number; copies: number; copy?: number; operation?: string; parameter?: number };
  }

  test('to llava writes originals byte for byte, and copies that name what was trained on', async () => {
    expect(changedCountOf(selected.copies!)).toBe(CHANGED);
    const { content, path } = await exportRun(run.store, result, 'llava', folder, true);
    expect(content).toBe(`90 rows, ${CHANGED} with changed pictures in images/small/copies`);
    const rows = JSON.parse(await readFile(path, 'utf8')) as ExportedRow[];
    const changes = await readChanges(run.store, selected.selection);
    const copied = rows.filter(({ tive }) => tive!.copy !== undefined);
    expect(copied).toHaveLength(CHANGED);
    for (const { image, tive } of copied) {
      const { row_index: rowIndex, copy, operation, parameter } = tive!;
      const change = changes.get(rowIndex)![copy! - 2]!;
      expect({ operation, parameter }).toEqual(change);
      const parent = rows.find((row) => row.tive!.row_index === rowIndex && row.tive!.copy === undefined)!;
      const picture = await decoded(await readFile(join(run.folder, 'images', parent.image!)));
      expect(await decoded(await readFile(image!))).toEqual(changePicture(picture, change, MEAN));
    }
    expect(await readdir(join(folder, 'images/small/copies'))).toHaveLength(CHANGED);
    const text = await readFile((await exportRun(run.store, result, 'llava', folder)).path, 'utf8');
    const source = await readFile(join(run.folder, 'train.json'), 'utf8');
    const originals = text
      .slice(2, -3)
      .split(/,\n(?=\{)/)
      .filter((row) => !row.includes('/copies/'));
    expect(originals).toHaveLength(90 - CHANGED);
    for (const row of originals) expect(source).toContain(row);
  });

  test('to jsonl and sharegpt has the same rows', async () => {
    const lines = (await readFile((await exportRun(run.store, result, 'jsonl', folder)).path, 'utf8'))
      .trimEnd()
      .split('\n');
    const images = lines.map((line) => (JSON.parse(line) as ExportedRow).image ?? null);
    expect(images.filter((image) => image?.startsWith(join(folder, 'images/small/copies/')))).toHaveLength(CHANGED);
    const { path, content } = await exportRun(run.store, result, 'sharegpt', folder);
    expect(content).toContain('in sharegpt/images/small/copies');
    const shared = JSON.parse(await readFile(path, 'utf8')) as { images: string[] }[];
    const own = shared
      .flatMap((row) => row.images)
      .filter((image) => image.startsWith(join(folder, 'sharegpt/images/small/copies/')));
    expect(own).toHaveLength(CHANGED);
    for (const image of own) await decoded(await readFile(image));
  });

  test('to csv says what is done to which copy, behind the columns that are always there', async () => {
    const [head, ...lines] = (await readFile((await exportRun(run.store, result, 'csv', folder)).path, 'utf8'))
      .trimEnd()
      .split('\n');
    expect(head).toMatch(/,copies,probability,rank,changed_copies$/);
    const changes = await readChanges(run.store, selected.selection);
    for (const line of lines) {
      const cells = line.split(',');
      const texts = (changes.get(Number(cells[0])) ?? []).flatMap((change, index) =>
        change === null ? [] : [`${index + 2}: ${changeText(change)}`],
      );
      expect(cells.at(-1)).toBe(texts.join('; '));
    }
  });

  test('to indices is refused, which could name no picture', async () => {
    await expect(exportRun(run.store, result, 'indices', folder)).rejects.toThrow(
      `export: indices cannot name changed pictures, got ${CHANGED} with changed pictures; --to jsonl, or csv to see which`,
    );
  });

  test('of borders is refused where the model, whose colour they have, is gone', async () => {
    const config = { ...result.config, model: { ...result.config.model, path: join(folder, 'gone') } };
    await expect(exportRun(run.store, { ...result, config }, 'llava', folder)).rejects.toThrow(
      'model.path: folder must be there for the mean colour of its pictures',
    );
  });
});
