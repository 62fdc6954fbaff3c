import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { streamAllQuarantine } from '../../../activities/report/quarantine.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import type { Reason } from '../../../contracts/reasons.ts';
import type { ArtifactReference, FileReference } from '../../../contracts/references.ts';
import type { Stage } from '../../../contracts/stages.ts';
import { artifactFolder, stageAddress } from '../../../store/addresses.ts';
import { finishArtifact } from '../../../store/artifacts.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { gradientSchema, tableSchema } from '../../../tables/schemas.ts';
import { writeTable } from '../../../tables/arrow-file.ts';

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

async function artifact(
  stage: Stage,
  name: string,
  files: FileReference[],
  details: object,
): Promise<ArtifactReference> {
  const determinants = { name };
  const rowCount = files[0]!.rowCount;
  const address = stageAddress(stage, determinants);
  return finishArtifact(store, stage, address, { determinants, files, rowCount, details: details as never });
}

/** Rows by content, each of the task of its letter; the second is set aside by the dataset stage. */
async function rowsOf(contents: string): Promise<ArtifactReference> {
  const place = artifactFolder('dataset', stageAddress('dataset', { name: 'rows' }));
  const count = contents.length;
  const [numbers, bigs] = [new Uint32Array(count), new BigInt64Array(count)];
  const columns = {
    ...{ row_index: numbers.map((_, row) => row), source_index: numbers, byte_start: bigs, byte_end: bigs },
    ...{
      id: [...contents],
      task: [...contents],
      image: [...contents].map(() => null),
      truncated: [...contents].map(() => false),
    },
    ...{ content_hash: hashesOf(contents), token_count: numbers, image_token_count: numbers, shard: numbers },
    ...{ supervised_token_count: numbers, micro_batch: numbers },
    reason: [...contents].map((_, row) => (row === 1 ? 'answer_empty' : null)),
  };
  const table = await writeTable(store, place, 'rows.arrow', tableSchema('rows'), [{ rowCount: count, columns }]);
  const list = await store.write(`${place}/quarantine.jsonl`, [Buffer.from('{"row_index":1}\n')]);
  return artifact('dataset', 'rows', [table, { name: 'quarantine.jsonl', rowCount: 0, ...list }], {});
}

async function gradientsOf(name: string, contents: string, reasons: (Reason | null)[]): Promise<ArtifactReference> {
  const place = artifactFolder('gradients', stageAddress('gradients', { name }));
  const count = contents.length;
  const columns = {
    ...{
      row_index: new Uint32Array(count).fill(99),
      content_hash: hashesOf(contents),
      task: [...contents].map(() => 'old'),
    },
    ...{ loss: new Float64Array(count).fill(NaN), supervised_token_count: new Uint32Array(count).fill(3) },
    ...{ gradient_norm: new Float64Array(count).fill(Infinity), el2n: new Float64Array(count) },
    ...{ gradient: new Float32Array(count * SKETCH), gradient_scale: new Float64Array(count), reason: reasons },
  };
  const schema = gradientSchema(SKETCH, 'float32');
  const file = await writeTable(store, place, 'gradients-0.arrow', schema, [{ rowCount: count, columns }]);
  return artifact('gradients', name, [file], {
    sketch: SKETCH,
    storage: 'float32',
    parameterCount: 2,
    quarantined: [],
  });
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
