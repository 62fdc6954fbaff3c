// Writes the demo data: pictures, training rows with planted defects, test rows, and the declaration of the defects.
//
//     npx tsx examples/demo/make-data.ts --fashion-mnist DIR --digits digits.csv.gz --out examples/demo/data
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ATTRIBUTION } from './attribution.ts';
import { imagePath, namedRows, toLlava, type LlavaRow } from './data-rows.ts';
import { makeDefects } from './defects.ts';
import { plantNearCopies, plantRandomAnswers, type Planted } from './plant.ts';
import { encodePng } from './png.ts';
import { createRandom } from './named-random.ts';
import { readSources, type Sources } from './sources.ts';

/** Files of the data folder by path, with `/` on every platform. */
type Files = Map<string, Uint8Array>;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { 'fashion-mnist': { type: 'string' }, digits: { type: 'string' }, out: { type: 'string' } },
  });
  const { 'fashion-mnist': fashionMnist, digits, out } = values;
  if (fashionMnist === undefined || digits === undefined || out === undefined) {
    const given = Object.keys(values).join(', ') || 'nothing';
    throw new TypeError(`make-data: --fashion-mnist, --digits and --out must be given, got ${given}`);
  }
  const files = await makeFiles(readSources(fashionMnist, digits));
  files.set('checksums.json', toJson(checksums(files)));
  writeFolder(out, files);
  for (const [name, byteCount] of sizes(files)) process.stdout.write(`${name.padEnd(16)} ${byteCount} bytes\n`);
}

async function makeFiles({ train, test }: Sources): Promise<Files> {
  const nearCopies = plantNearCopies(namedRows(train));
  const randomAnswers = plantRandomAnswers(nearCopies.rows);
  const defects = await makeDefects(train);
  const planted: Planted = {
    near_copies: nearCopies.planted,
    random_answers: randomAnswers.planted,
    defects: defects.map(({ row, reason }) => ({ id: row.id, reason })),
  };
  const held = namedRows(test);
  const files: Files = new Map([
    ['train.json', toJson(shuffled([...randomAnswers.rows.map(toLlava), ...defects.map(({ row }) => row)], 'train'))],
    ['test.json', toJson(shuffled(held.map(toLlava), 'test'))],
    ['planted.json', toJson(planted)],
    ['ATTRIBUTION.md', Buffer.from(ATTRIBUTION)],
  ]);
  for (const row of [...randomAnswers.rows, ...held])
    files.set(`images/${imagePath(row.id)}`, await encodePng(row.image));
  for (const { row, imageBytes } of defects) if (imageBytes !== null) files.set(`images/${row.image}`, imageBytes);
  return files;
}

/** The rows in an order that mixes the tasks. */
function shuffled(rows: readonly LlavaRow[], name: string): LlavaRow[] {
  return createRandom('order', name).sample(rows);
}

function toJson(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

/** SHA-256 of every file, by path. */
function checksums(files: Files): Record<string, string> {
  return Object.fromEntries(
    [...files].map(([path, bytes]) => [path, createHash('sha256').update(bytes).digest('hex')] as const).sort(),
  );
}

/** Pictures that an earlier run left are removed. */
function writeFolder(folder: string, files: Files): void {
  rmSync(join(folder, 'images'), { recursive: true, force: true });
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

/** Bytes of each file and of the pictures of each split together. */
function sizes(files: Files): Map<string, number> {
  const result = new Map<string, number>();
  for (const [path, bytes] of files) {
    for (const name of [path.replace(/^(images\/[a-z]+)\/.*/, '$1'), 'total']) {
      result.set(name, (result.get(name) ?? 0) + bytes.length);
    }
  }
  return result;
}

await main();
