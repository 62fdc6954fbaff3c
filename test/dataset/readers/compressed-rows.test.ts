import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packedRows } from '../../../dataset/readers/reader-of.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-compressed-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function rowsOf(bytes: Uint8Array): Promise<string[]> {
  const path = join(folder, 'rows.jsonl.gz');
  await writeFile(path, bytes);
  const rows: string[] = [];
  for await (const row of (await packedRows(path, () => Promise.resolve()))!) rows.push(Buffer.from(row).toString());
  return rows;
}

/** `zstd -c` of two lines. */
const ZSTD = Buffer.from('KLUv/QRYuQAAeyJhIjoxfQp7ImEiOiBbMSwgIDJdfQr1KTJI', 'base64');

describe('rows in a gzip or zstd file', () => {
  test('are those of its lines or its array, each on a line', async () => {
    expect(await rowsOf(ZSTD)).toEqual(['{"a":1}', '{"a":[1,2]}']);
    expect(await rowsOf(gzipSync('{"a":1}\n{"a": NaN}\n'))).toEqual(['{"a":1}', '{"a":NaN}']);
    expect(await rowsOf(gzipSync('[{"a":\n1},\n"x\ny"]'))).toEqual(['{"a":1}', '"x y"']);
    const members = Buffer.concat([gzipSync('{"a":1}\n'), gzipSync('{"a":2}\n')]);
    expect(await rowsOf(members)).toEqual(['{"a":1}', '{"a":2}']);
  });

  test('that is cut short or holds something else is refused by name', async () => {
    const whole = gzipSync(`{"a":"${'xyz'.repeat(1000)}"}\n`);
    await expect(rowsOf(whole.subarray(0, whole.length - 9))).rejects.toThrow(
      /^rows\.jsonl\.gz: must be a whole gzip file, got .*; download it again$/,
    );
    await expect(rowsOf(ZSTD.subarray(0, ZSTD.length - 7))).rejects.toThrow(
      /^rows\.jsonl\.gz: must be a whole zstd file, got .*; download it again$/,
    );
    await expect(rowsOf(gzipSync('id,text\n'))).rejects.toThrow(/^rows\.jsonl\.gz: must start with "\[" or "\{"/);
  });
});
