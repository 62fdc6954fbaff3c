import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { loadRecipe } from '../../client/recipe/recipe.ts';
import { REASONS } from '../../contracts/reasons.ts';
import { decodeImage } from '../../dataset/images/image-decode.ts';
import { parseRow } from '../../dataset/rows/parse-row.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { packedRows } from '../../dataset/readers/reader-of.ts';
import { jsonRows } from '../../dataset/rows/row-source.ts';
import { encodeSafetensors, openSafetensors } from '../../model/safetensors.ts';
import { LocalStore } from '../../store/local-store.ts';
import { readGradients } from '../../tables/gradients.ts';
import { gradientArtifact } from './gradient-artifact.ts';
import { GOLDEN, GOOD, World } from './world.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-fuzz-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Errors that say whose turn it is. */
const NAMED = /^(InvalidConfigError|InvalidDatasetError|ArtifactMismatchError|RangeError)$/;

/** Above this the process has taken in far more than the few kilobytes that it is given. */
const MOST_BYTES = 1.5e9;

const options = { format: 'auto', form: null, taskField: 'dataset', maxImages: 4 } as const;

/** Any bytes, or a valid file with a few bytes changed, cut off or put in. */
function damaged(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.record({ place: fc.nat(valid.length - 1), byte: fc.nat(255) });
  return fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc
      .record({ changes: fc.array(change, { minLength: 1, maxLength: 6 }), keep: fc.nat(valid.length) })
      .map(({ changes, keep }) => {
        const bytes = Uint8Array.from(valid);
        for (const { place, byte } of changes) bytes[place] = byte;
        return keep % 3 === 0 ? bytes.subarray(0, keep) : bytes;
      }),
    fc
      .record({ at: fc.nat(valid.length), more: fc.uint8Array({ maxLength: 40 }) })
      .map(({ at, more }) => Buffer.concat([valid.subarray(0, at), more, valid.subarray(at)])),
  );
}

/** How often work was done and refused in one test: both must happen, or nothing was tried. */
const seen = { fine: 0, refused: 0 };
beforeEach(() => void Object.assign(seen, { fine: 0, refused: 0 }));

function expectBoth(): void {
  expect(seen.fine).toBeGreaterThan(0);
  expect(seen.refused).toBeGreaterThan(0);
}

/** Nothing, or a named error. */
async function namedOrFine(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
    seen.fine += 1;
  } catch (error) {
    seen.refused += 1;
    expect((error as Error).constructor.name, (error as Error).stack).toMatch(NAMED);
    expect((error as Error).message).toMatch(/: .*must /s);
  }
  expect(process.memoryUsage.rss()).toBeLessThan(MOST_BYTES);
}

const drain = async (rows: AsyncIterable<unknown>): Promise<number> => {
  let count = 0;
  for await (const row of rows) count += row === undefined ? 0 : 1;
  return count;
};

const file = (bytes: Uint8Array): string => {
  const path = join(root, 'file');
  writeFileSync(path, bytes);
  return path;
};

/** Share of the tries that are made: less where somebody waits for them. */
const FRACTION = Number(process.env['TIVE_FUZZ_FRACTION'] ?? 1);

const runs = (numRuns: number) => ({ numRuns: Math.ceil(FRACTION * numRuns), seed: 7, endOnFailure: true });

describe('any bytes', () => {
  test('as JSON are rows with an outcome, or a named error', async () => {
    const valid = Buffer.from(JSON.stringify([GOOD, { ...GOOD, image: 'a.png' }], null, 1));
    const property = fc.asyncProperty(damaged(valid), (bytes) =>
      namedOrFine(async () => {
        for await (const { bytes: row } of jsonRows(file(bytes))) {
          const parsed = parseRow(row, options);
          if (isRejection(parsed)) expect(REASONS).toContain(parsed.reason);
          else expect(parsed.turns.length).toBeGreaterThan(0);
        }
      }),
    );
    await fc.assert(property, runs(300));
    expectBoth();
  });

  test('in a line cost no other line', async () => {
    const good = JSON.stringify(GOOD);
    const line = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.json(), fc.constant(good.slice(0, 30)));
    const property = fc.asyncProperty(fc.array(line, { maxLength: 4 }), async (lines) => {
      const others = lines.map((text) => text.replaceAll(/[\r\n]/g, ' '));
      const text = [good, ...others.flatMap((other) => [other, good])].join('\n');
      let found = 0;
      for await (const { bytes } of jsonRows(file(Buffer.from(text)))) {
        const parsed = parseRow(bytes, options);
        if (!isRejection(parsed) && parsed.id === '"good"') found += 1;
      }
      expect(found).toBe(others.length + 1);
    });
    await fc.assert(property, runs(200));
  });

  test('as tar are rows or a named error', async () => {
    const valid = readFileSync('test/golden/packed/shard-00000.tar');
    const property = fc.asyncProperty(damaged(valid), (bytes) => {
      const marked = Buffer.concat([bytes, Buffer.alloc(Math.max(0, 512 - bytes.length))]);
      marked.write('ustar', 257, 'latin1');
      return namedOrFine(async () => drain((await packedRows(file(marked), () => Promise.resolve()))!));
    });
    await fc.assert(property, runs(150));
    expectBoth();
  });

  test('as gzip are rows or a named error', async () => {
    const valid = gzipSync(`${JSON.stringify(GOOD)}\n`.repeat(3));
    const property = fc.asyncProperty(damaged(valid), (bytes) => {
      const marked = Buffer.concat([valid.subarray(0, 2), bytes.subarray(2)]);
      return namedOrFine(async () => drain((await packedRows(file(marked), () => Promise.resolve()))!));
    });
    await fc.assert(property, runs(100));
    expectBoth();
  });

  test('as Parquet are rows or a named error', async () => {
    const valid = readFileSync('test/golden/packed/llava-snappy.parquet');
    const property = fc.asyncProperty(damaged(valid), (bytes) => {
      const marked = Buffer.concat([Buffer.from('PAR1'), bytes.subarray(4)]);
      return namedOrFine(async () => drain((await packedRows(file(marked), () => Promise.resolve()))!));
    });
    await fc.assert(property, runs(60));
    expectBoth();
  }, 60_000);

  test('as safetensors are tensors or a named error', async () => {
    const values = Float32Array.of(1, 2, 3, 4, 5, 6);
    const valid = encodeSafetensors([
      { name: 'a', shape: [2, 3], values },
      { name: 'b', shape: [6], values },
    ]);
    const property = fc.asyncProperty(damaged(valid), (bytes) =>
      namedOrFine(async () => {
        const opened = await openSafetensors(file(bytes));
        try {
          for (const name of opened.tensors.keys()) await opened.read(name);
        } finally {
          await opened.close();
        }
      }),
    );
    await fc.assert(property, runs(300));
    expectBoth();
  });

  test('as Arrow are rows or a named error, even where their hash is right', async () => {
    const world = new World(join(root, 'arrow'));
    const { gradients } = await gradientArtifact(world, 8, [1, 2, 3]);
    const valid = readFileSync(world.path(`store/${gradients.uri}/gradients-00000-of-00001.arrow`));
    const store = new LocalStore(world.path('store'));
    mkdirSync(world.path('store/any'));
    const property = fc.asyncProperty(damaged(valid), async (bytes) => {
      world.write('store/any/any.arrow', bytes);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const reference = { name: 'any.arrow', sha256, byteCount: bytes.length, rowCount: 3 };
      const files = [{ uri: 'any', file: reference, storage: 'float32' as const }];
      await namedOrFine(async () => drain(readGradients(store, { sketch: 8, files })));
    });
    await fc.assert(property, runs(300));
    expectBoth();
  });

  test.each(['cat.png', 'jpeg', 'gif', 'webp', 'tiff'])('as a picture are pixels or a reason: %s', async (kind) => {
    const png = readFileSync(join(GOLDEN, 'images/cat.png'));
    const { default: sharp } = await import('sharp');
    const small = sharp(png).resize(24, 20);
    const valid = kind === 'cat.png' ? png : await small.toFormat(kind as 'jpeg').toBuffer();
    const property = fc.asyncProperty(damaged(valid), async (bytes) => {
      const decoded = await decodeImage(bytes);
      seen[isRejection(decoded) ? 'refused' : 'fine'] += 1;
      if (isRejection(decoded)) expect(REASONS).toContain(decoded.reason);
      else expect(decoded.data).toHaveLength(decoded.width * decoded.height * 3);
      expect(process.memoryUsage.rss()).toBeLessThan(MOST_BYTES);
    });
    await fc.assert(property, runs(100));
    expectBoth();
  });

  test('as a recipe are a config or a named error', async () => {
    const valid = readFileSync('examples/forms/several/recipe.yaml');
    const property = fc.asyncProperty(damaged(valid), (bytes) =>
      namedOrFine(() => Promise.resolve(loadRecipe(file(bytes), { checksFiles: false }))),
    );
    await fc.assert(property, runs(300));
    expectBoth();
  });
});
