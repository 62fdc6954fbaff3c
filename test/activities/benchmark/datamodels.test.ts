// The linear datamodelling score from tables: joined by content, with what cannot be joined left out and counted.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createDatamodelActivities } from '../../../activities/benchmark/datamodels.ts';
import type { LdsInput, LdsResult } from '../../../contracts/messages/benchmark.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { writeGradientShard } from '../../../tables/gradients.ts';
import { outcomesTable } from '../../../tables/outcomes.ts';
import { rowsTable } from '../../../tables/rows.ts';
import { selectionTable } from '../../../tables/selection.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';
import { makeArtifact } from '../../tables/artifact.ts';
import { inActivity } from '../small-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-lds-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const store = new LocalStore(folder);
const { scoreDatamodels } = createDatamodelActivities({ openStore: () => store });

/** Contents are letters; every row has a task. */
const hashes = (letters: string): Uint8Array =>
  Uint8Array.from([...letters].flatMap((letter) => Array.from({ length: 32 }, () => letter.charCodeAt(0))));

const rows = (letters: string, tasks: readonly string[]): Promise<ArtifactReference> =>
  makeArtifact(store, 'dataset', { letters, tasks }, async (place) => {
    const zeros = new Uint32Array(letters.length);
    return [
      await rowsTable.write(store, place, [
        {
          rowCount: letters.length,
          rowIndex: Uint32Array.from([...letters].keys()),
          contentHash: hashes(letters),
          sourceIndex: zeros,
          byteStart: new BigInt64Array(letters.length),
          byteEnd: new BigInt64Array(letters.length),
          id: [...letters].map(() => null),
          task: [...tasks],
          image: [...letters].map(() => null),
          tokenCount: zeros,
          imageTokenCount: zeros,
          supervisedTokenCount: zeros,
          truncated: [...letters].map(() => false),
          microBatch: zeros,
          shard: zeros,
          reason: [...letters].map(() => null),
        },
      ]),
    ];
  });

/** A table of gradients `[row, 2]`, its rows numbered from 100 on; null: the row has none. */
function gradients(letters: string, vectors: readonly (readonly number[] | null)[], sketch = 2) {
  const details = { sketch, storage: 'float32' as const, parameterCount: 9, quarantined: [] };
  return makeArtifact(
    store,
    'gradients',
    { letters, vectors, sketch },
    async (place) => {
      const numbers = new Float64Array(letters.length).fill(1);
      const batch = {
        rowCount: letters.length,
        rowIndex: Uint32Array.from([...letters].keys(), (row) => 100 + row),
        contentHash: hashes(letters),
        task: [...letters].map(() => 'any'),
        loss: numbers,
        supervisedTokenCount: Uint32Array.from(numbers),
        gradientNorm: numbers,
        el2n: numbers,
        gradient: Float32Array.from(vectors.flatMap((vector) => vector ?? new Array<number>(sketch).fill(0))),
        gradientScale: numbers,
        reason: vectors.map((vector) => (vector === null ? 'non_finite_gradient' : null)),
      };
      const where = { folder: place, address: 'a', shard: 0, shardCount: 1 };
      return [await writeGradientShard(store, where, details, [batch])];
    },
    details,
  );
}

/** A subset of rows by their places, and a loss for each test row; null: it was not scored. */
async function subset(places: readonly number[], losses: readonly (number | null)[]): Promise<LdsInput['subsets'][0]> {
  const scored = [...losses.keys()].filter((row) => losses[row] !== null);
  return {
    selection: await makeArtifact(store, 'selection', { places }, async (place) => [
      await selectionTable.write(store, place, [
        {
          rowCount: places.length,
          rowIndex: Uint32Array.from(places),
          contentHash: new Uint8Array(32 * places.length),
          task: places.map(() => 'any'),
          copies: new Uint32Array(places.length).fill(1),
          probability: new Float64Array(places.length).fill(0.5),
          rank: Uint32Array.from(places.keys()),
        },
      ]),
    ]),
    outcomes: await makeArtifact(store, 'evaluation', { losses }, async (place) => [
      await outcomesTable.write(store, place, [
        {
          rowCount: scored.length,
          rowIndex: Uint32Array.from(scored),
          task: scored.map(() => 'any'),
          loss: Float64Array.from(scored, (row) => losses[row]!),
          correct: scored.map(() => false),
        },
      ]),
    ]),
  };
}

/**
 * Rows a, b lie along the first axis, c, d along the second. Test row x asks for the first, y for the second, z for
 * none. Subsets hold two, one and none of a and b.
 */
async function input(losses: readonly (readonly (number | null)[])[]): Promise<LdsInput> {
  return {
    config: DEMO_CONFIG,
    rows: await rows('abcd', ['p', 'p', 'q', 'q']),
    // In another order than the dataset, and over two tables.
    gradients: [
      await gradients('db', [
        [0, 4],
        [3, 0],
      ]),
      await gradients('ca', [
        [0, 1],
        [2, 0],
      ]),
    ],
    testRows: await rows('xyzw', ['p', 'q', 'q', 'p']),
    queries: await gradients('wzyx', [null, [0, 0], [0, 5], [7, 0]]),
    subsets: [await subset([0, 1], losses[0]!), await subset([0, 2], losses[1]!), await subset([2, 3], losses[2]!)],
  };
}

const score = (given: LdsInput): Promise<LdsResult> => inActivity(scoreDatamodels, given);
const scoreText = ({ score: all, tasks }: LdsResult): string =>
  [all, ...tasks.map((task) => task.score)].map((value) => value?.toFixed(6) ?? 'none').join(' ');

test('rows are joined by content, and losses fall where the subset lies in the row’s direction', async () => {
  // Predicted: x 2, 1, 0 and y 0, 1, 2.
  const found = await score(
    await input([
      [0.1, 0.9, 1, 1],
      [0.2, 0.8, 2, 1],
      [0.3, 0.7, 3, 1],
    ]),
  );
  expect(scoreText(found)).toBe('1.000000 1.000000 1.000000');
  // z has no direction, w no gradient.
  expect(found).toMatchObject({ subsetCount: 3, rowCount: 2, constantCount: 1, unmatchedCount: 1 });
  expect(found.tasks).toMatchObject([
    { task: 'p', rowCount: 1, constantCount: 0 },
    { task: 'q', rowCount: 1, constantCount: 1 },
  ]);
});

test('the score is by task, and −1 where losses rise', async () => {
  const found = await score(
    await input([
      [0.3, 0.9, 1, 1],
      [0.2, 0.8, 1, 1],
      [0.1, 0.7, 1, 1],
    ]),
  );
  expect(scoreText(found)).toBe('0.000000 -1.000000 1.000000');
});

test('a test row that one model has not scored is left out and counted', async () => {
  const found = await score(
    await input([
      [0.1, 0.9, 1, 1],
      [null, 0.8, 1, 1],
      [0.3, 0.7, 1, 1],
    ]),
  );
  expect(found).toMatchObject({ rowCount: 1, constantCount: 1, unmatchedCount: 2 });
});

test('the same tables are not gone through again', async () => {
  const given = await input([
    [0.1, 0.9, 1, 1],
    [0.2, 0.8, 1, 1],
    [0.3, 0.7, 1, 1],
  ]);
  const first = await score(given);
  rmSync(join(folder, given.gradients[0]!.uri), { recursive: true });
  expect(await score(given)).toEqual(first);
});

test('gradients in another projection are refused', async () => {
  const given = await input([[1], [1], [1]]);
  const queries = await gradients('x', [[1, 2, 3, 4]], 4);
  await expect(score({ ...given, queries })).rejects.toThrow(/sketch must be that of the rows, 2, got 4/);
});
