import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { namedRow, toLlava, type LlavaRow } from '../../examples/demo/data-rows.ts';
import { DEMO_TASKS, TEST_COUNT, TRAIN_COUNTS, type DemoTask } from '../../examples/demo/demo-tasks.ts';
import { NEAR_COPY_TASKS, RANDOM_ANSWER_TASK, type Planted } from '../../examples/demo/plant.ts';
import { blankSources } from '../../examples/demo/sources.ts';
import { COLORS } from '../../examples/demo/words.ts';

const blank = blankSources();
const folder = join(import.meta.dirname, '../../examples/demo/data');
const read = <Value>(name: string): Value => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Value;
const train = read<LlavaRow[]>('train.json');
const held = read<LlavaRow[]>('test.json');
const planted = read<Planted>('planted.json');
const checksums = read<Record<string, string>>('checksums.json');

const byId = new Map([...train, ...held].map((row) => [row.id, row]));
const defects = new Map(planted.defects.map(({ id, reason }) => [id, reason]));
const usable = train.filter((row) => !defects.has(row.id));

/** Rows of scenes need no source pictures: they can be drawn again here. */
function drawnAgain({ id, dataset }: LlavaRow) {
  const sources = blank[id.startsWith('test-') ? 'test' : 'train'];
  return namedRow(dataset as DemoTask, Number(id.slice(-5)), sources);
}

async function pixelsOf({ image }: LlavaRow): Promise<Uint8Array> {
  return new Uint8Array(
    await sharp(join(folder, 'images', image))
      .toColourspace('srgb')
      .raw()
      .toBuffer(),
  );
}

describe('the shipped data', () => {
  test('training has the documented rows of each task and eight defective rows, the test 200 rows of each task', () => {
    expect(train).toHaveLength(7968);
    for (const task of DEMO_TASKS) {
      expect(usable.filter((row) => row.dataset === task)).toHaveLength(TRAIN_COUNTS[task]);
      expect(held.filter((row) => row.dataset === task)).toHaveLength(TEST_COUNT);
    }
    expect(byId.size).toBe(7968 + 2000); // ids are unique
  });

  test('rows are not sorted by task', () => {
    expect(new Set(train.slice(0, 100).map((row) => row.dataset)).size).toBeGreaterThanOrEqual(8);
  });

  test('every file has its checksum and there are no others', () => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => statSync(join(folder, path)).isFile());
    expect(files.filter((path) => path !== 'checksums.json').sort()).toEqual(Object.keys(checksums).sort());
    const changed = Object.entries(checksums).filter(
      ([path, sha256]) =>
        createHash('sha256')
          .update(readFileSync(join(folder, path)))
          .digest('hex') !== sha256,
    );
    expect(changed).toEqual([]);
    expect(files.reduce((bytes, path) => bytes + statSync(join(folder, path)).size, 0)).toBeLessThan(17_000_000);
  });

  test('no picture is in training and in the test', () => {
    const hashes = (split: string) =>
      Object.entries(checksums).flatMap(([path, sha256]) => (path.startsWith(`images/${split}/`) ? [sha256] : []));
    const trained = new Set(hashes('train'));
    expect(hashes('test')).toHaveLength(2000);
    expect(hashes('test').filter((sha256) => trained.has(sha256))).toEqual([]);
  });

  test('rows of scenes are those that the generators give, but for the random answers', () => {
    const answersOf = new Map(planted.random_answers.map((row) => [row.id, row]));
    for (const row of [...usable, ...held].filter(({ dataset }) => dataset.startsWith('scene_'))) {
      const expected = toLlava(drawnAgain(row));
      const random = answersOf.get(row.id);
      random?.answers.forEach((answer, index) => (expected.conversations![2 * index + 1]!.value = answer));
      expect(row).toEqual(expected);
    }
  });

  test('pictures of scenes are those that the generators give', async () => {
    const scenes = [...usable, ...held].filter(({ dataset }) => dataset.startsWith('scene_'));
    for (const row of scenes.filter((_, index) => index % 50 === 0))
      expect(Buffer.compare(await pixelsOf(row), drawnAgain(row).image)).toBe(0);
  });

  test('the folder names its sources and their licences', () => {
    const text = readFileSync(join(folder, 'ATTRIBUTION.md'), 'utf8');
    for (const words of ['Copyright © 2017 Zalando SE', 'The MIT License', 'CC BY 4.0', 'BSD 3-Clause']) {
      expect(text).toContain(words);
    }
  });
});

describe('planted near-copies', () => {
  test('are 70 % of two tasks, each a copy of a row of its task that is no copy itself', () => {
    const copies = new Set(planted.near_copies.map(({ id }) => id));
    for (const task of NEAR_COPY_TASKS) {
      expect(usable.filter((row) => row.dataset === task && copies.has(row.id))).toHaveLength(0.7 * TRAIN_COUNTS[task]);
    }
    expect(copies.size).toBe(2450);
    for (const { id, of } of planted.near_copies) {
      expect(copies.has(of)).toBe(false);
      expect(byId.get(id)!.dataset).toBe(byId.get(of)!.dataset);
      expect(byId.get(id)!.conversations).toEqual(byId.get(of)!.conversations);
    }
  });

  test('differ from their originals by a little brightness and noise', async () => {
    for (const { id, of } of planted.near_copies.filter((_, index) => index % 100 === 0)) {
      const [copy, original] = [await pixelsOf(byId.get(id)!), await pixelsOf(byId.get(of)!)];
      const differences = copy.map((value, at) => Math.abs(value - original[at]!));
      expect(Math.max(...differences)).toBeLessThan(0.03 * 255 + 6 * 2); // brightness, six standard deviations of noise
      expect(Math.max(...differences)).toBeGreaterThan(0);
    }
  });
});

describe('planted random answers', () => {
  test('are 20 % of one task, and about five of six are wrong', () => {
    expect(planted.random_answers).toHaveLength(0.2 * TRAIN_COUNTS[RANDOM_ANSWER_TASK]);
    const answers = planted.random_answers.flatMap((row) =>
      row.answers.map((answer, at) => [answer, row.true_answers[at]]),
    );
    expect(answers.every(([answer]) => (COLORS as readonly string[]).includes(answer!))).toBe(true);
    const wrong = answers.filter(([answer, right]) => answer !== right).length / answers.length;
    expect([wrong]).toBeAllclose([5 / 6], { rtol: 0, atol: 0.07 }); // 3 standard errors
  });

  test('are declared with the true answers', () => {
    for (const { id, answers, true_answers: right } of planted.random_answers) {
      const row = byId.get(id)!;
      expect(row.dataset).toBe(RANDOM_ANSWER_TASK);
      expect(row.conversations!.filter((turn) => turn.from === 'gpt').map((turn) => turn.value)).toEqual(answers);
      expect(drawnAgain(row).turns.map(([, answer]) => answer)).toEqual(right);
    }
  });
});

describe('planted defects', () => {
  const reasonRow = (reason: string): LlavaRow[] => train.filter((row) => defects.get(row.id) === reason);
  const bytesOf = ({ image }: LlavaRow): Buffer => readFileSync(join(folder, 'images', image));
  const roles = ({ conversations }: LlavaRow) => conversations?.map((turn) => turn.from);

  test('are eight rows with seven reasons', () => {
    expect(planted.defects.map(({ reason }) => reason)).toEqual([
      'image_truncated',
      'image_type_unsupported',
      'image_type_unsupported',
      'image_type_html',
      'image_missing',
      'role_order',
      'answer_empty',
      'conversations_missing',
    ]);
    expect(planted.defects.every(({ id }) => byId.has(id))).toBe(true);
  });

  test('pictures are broken as declared', async () => {
    const [truncated] = reasonRow('image_truncated');
    expect(bytesOf(truncated!).subarray(0, 8)).toEqual(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'));
    await expect(sharp(bytesOf(truncated!), { failOn: 'truncated' }).raw().toBuffer()).rejects.toThrow();
    const [empty, garbage] = reasonRow('image_type_unsupported').sort((a, b) => a.id.localeCompare(b.id));
    expect(bytesOf(empty!)).toHaveLength(0);
    await expect(sharp(bytesOf(garbage!)).metadata()).rejects.toThrow('unsupported image format');
    expect(bytesOf(reasonRow('image_type_html')[0]!).toString()).toMatch(/^<!doctype html>/);
    expect(existsSync(join(folder, 'images', reasonRow('image_missing')[0]!.image))).toBe(false);
  });

  test('conversations are malformed as declared', () => {
    expect(roles(reasonRow('role_order')[0]!)).toEqual(['human', 'human', 'gpt']);
    expect(reasonRow('answer_empty')[0]!.conversations!.at(-1)).toEqual({ from: 'gpt', value: '' });
    expect(reasonRow('conversations_missing')[0]).not.toHaveProperty('conversations');
  });

  test('all other rows have a picture and turns in order', () => {
    for (const row of [...usable, ...held]) {
      expect(checksums[`images/${row.image}`]).toBeDefined();
      expect(['human,gpt', 'human,gpt,human,gpt']).toContain(roles(row)!.join());
      expect(row.conversations![0]!.value.startsWith('<image>\n')).toBe(true);
    }
  });
});
