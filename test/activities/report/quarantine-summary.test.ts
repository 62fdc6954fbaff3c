import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { streamAllQuarantine } from '../../../activities/report/quarantine-summary.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import type { Reason } from '../../../contracts/reasons.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { writeGradientShard } from '../../../tables/gradients.ts';
import type { GradientRows } from '../../../tables/gradients.ts';
import { QUARANTINE_FILE } from '../../../tables/quarantine.ts';
import { rowsTable } from '../../../tables/rows.ts';
import type { RowsBatch } from '../../../tables/rows.ts';
import { makeArtifact } from '../../tables/artifact.ts';

const SKETCH = 2;
let folder: string;
let store: LocalStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tive-quarantine-'));
  store = new LocalStore(folder);
});
afterAll(() => rm(folder, { recursive: true }));

/** Hashes of contents that are told apart by one letter. */
const hashesOf = (contents: string): Uint8Array =>
  Uint8Array.from([...contents].flatMap((content) => new Array<number>(32).fill(content.charCodeAt(0))));

/** Rows by content, each of the task of its letter; the second is set aside by the dataset stage. */
function rowsOf(contents: string): Promise<ArtifactReference> {
  const count = contents.length;
  const [numbers, bigs] = [new Uint32Array(count), new BigInt64Array(count)];
  const batch: RowsBatch = {
    rowCount: count,
    rowIndex: numbers.map((_, row) => row),
    sourceIndex: numbers,
    byteStart: bigs,
    byteEnd: bigs,
    id: [...contents],
    task: [...contents],
    image: [...contents].map(() => null),
    contentHash: hashesOf(contents),
    tokenCount: numbers,
    imageTokenCount: numbers,
    supervisedTokenCount: numbers,
    truncated: [...contents].map(() => false),
    microBatch: numbers,
    shard: numbers,
    reason: [...contents].map((_, row) => (row === 1 ? 'answer_empty' : null)),
  };
  return makeArtifact(store, 'dataset', { name: 'rows' }, async (place) => {
    const list = await store.write(`${place}/${QUARANTINE_FILE}`, [Buffer.from('{"row_index":1}\n')]);
    return [await rowsTable.write(store, place, [batch]), { name: QUARANTINE_FILE, rowCount: 0, ...list }];
  });
}

function gradientsOf(name: string, contents: string, reasons: (Reason | null)[]): Promise<ArtifactReference> {
  const count = contents.length;
  const batch: GradientRows = {
    rowCount: count,
    rowIndex: new Uint32Array(count).fill(99),
    contentHash: hashesOf(contents),
    task: [...contents].map(() => 'old'),
    loss: new Float64Array(count).fill(NaN),
    supervisedTokenCount: new Uint32Array(count).fill(3),
    gradientNorm: new Float64Array(count).fill(Infinity),
    el2n: new Float64Array(count),
    gradient: new Float32Array(count * SKETCH),
    gradientScale: new Float64Array(count),
    reason: reasons,
  };
  const width = { sketch: SKETCH, storage: 'float32' as const };
  const write = async (folder: string) => [
    await writeGradientShard(store, { folder, address: name, shard: 0, shardCount: 1 }, width, [batch]),
  ];
  return makeArtifact(store, 'gradients', { name }, write, { ...width, parameterCount: 2, quarantined: [] });
}

test('rows whose gradients cannot be used are listed as they are numbered and labelled now, those of earlier tables too', async () => {
  const rows = await rowsOf('axbbc');
  const gradients = await gradientsOf('new', 'bc', ['gradient_not_finite', 'gradient_zero']);
  // Of two equal rows one is bad in the new table and one is good in the earlier one; `z` is no longer in the dataset.
  const reused = [await gradientsOf('earlier', 'bza', [null, 'loss_not_finite', 'loss_not_finite'])];
  const quarantined = [{ reason: 'gradient_zero' as const, count: 1 }];
  const result = { dataset: { rows }, gradients: { gradients, reused, quarantined } } as unknown as RunResult;
  let text = '';
  for await (const chunk of streamAllQuarantine(store, result)) text += Buffer.from(chunk).toString();
  expect(
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object),
  ).toEqual([
    { row_index: 1 },
    {
      row_index: 2,
      task: 'b',
      reason: 'gradient_not_finite',
      detail: 'row 2: gradient must be finite, got a norm of Infinity over 3 supervised tokens',
    },
    {
      row_index: 4,
      task: 'c',
      reason: 'gradient_zero',
      detail: 'row 4: gradient must not be zero, got zero over 3 supervised tokens',
    },
    {
      row_index: 0,
      task: 'a',
      reason: 'loss_not_finite',
      detail: 'row 0: loss must be finite, got NaN over 3 supervised tokens',
    },
  ]);
});
