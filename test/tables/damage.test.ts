// Damage and loss in the store: no reader takes a byte that is not the one that was written.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createShardParts } from '../../activities/gradients/parts.ts';
import { closeShard, finishedShard } from '../../activities/gradients/shard.ts';
import { readMicroBatches } from '../../activities/gradients/micro-batches.ts';
import { createLastRunActivities } from '../../activities/report/last-run.ts';
import { createTrainingCheckpoints } from '../../activities/training/checkpoints.ts';
import { readSpace } from '../../activities/values/space.ts';
import { checkArtifact } from '../../client/cluster/store-check.ts';
import { takeInventory } from '../../client/cluster/store-inventory.ts';
import { copyFiles } from '../../client/runs/run-folder.ts';
import { DamagedArtifactError } from '../../contracts/failures.ts';
import type { GradientShardInput } from '../../contracts/messages/gradients.ts';
import type { LastRun } from '../../contracts/messages/run.ts';
import type { ArtifactReference, FileReference } from '../../contracts/references.ts';
import type { Stage } from '../../contracts/stages.ts';
import { findArtifact, readDetails, readManifest, verifiedFolder } from '../../store/artifacts.ts';
import { LocalStore } from '../../store/local-store.ts';
import { openGradientTable, readGradients, writeGradientShard } from '../../tables/gradients.ts';
import type { GradientRows } from '../../tables/gradients.ts';
import { copiesTable, readChanges } from '../../tables/copies.ts';
import { outcomesTable } from '../../tables/outcomes.ts';
import { readQuarantine, streamQuarantine } from '../../tables/quarantine.ts';
import { RowLookup } from '../../tables/row-lookup.ts';
import { readUsableRows, rowsTable } from '../../tables/rows.ts';
import { readCopies, selectionTable } from '../../tables/selection.ts';
import { trainingTable } from '../../tables/training.ts';
import { valuesTable } from '../../tables/values.ts';
import { makeArtifact } from './artifact.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-damage-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const store = new LocalStore(join(root, 'store'));
const copies = new LocalStore(join(root, 'copies'));

const ROWS = 3;
const numbers = (offset = 0): Float64Array => Float64Array.from({ length: ROWS }, (_, row) => row + offset);
const counts = (): Uint32Array => Uint32Array.from({ length: ROWS }, (_, row) => row + 1);
const identity = { rowCount: ROWS, rowIndex: counts(), contentHash: new Uint8Array(32 * ROWS).fill(7) };
const named = { ...identity, task: ['a', 'b', 'b'] };
const measured = {
  ...named,
  loss: numbers(),
  supervisedTokenCount: counts(),
  gradientNorm: numbers(),
  el2n: numbers(),
};
const ROW = {
  id: ['1', null, '3'],
  image: [null, 'b.png', null],
  truncated: [false, true, false],
  reason: [null, null, null],
};
const PLAN = { tokenCount: counts(), imageTokenCount: counts(), supervisedTokenCount: counts() };
const WIDTH = { sketch: 4, storage: 'float32' as const };
const GRADIENTS: GradientRows = {
  ...{
    ...measured,
    gradient: new Float32Array(4 * ROWS).fill(0.5),
    gradientScale: numbers(1),
    reason: [null, null, null],
  },
};
const drain = async (pieces: AsyncIterable<unknown>): Promise<void> => {
  for await (const piece of pieces) void piece;
};
const text =
  (name: string, content: string) =>
  async (folder: string): Promise<FileReference> => ({
    name,
    rowCount: 0,
    ...(await store.write(`${folder}/${name}`, [Buffer.from(content)])),
  });

type Reader = (reference: ArtifactReference) => Promise<unknown>;

/** A kind of artifact: how its files come about, and who reads each of them. */
interface Kind {
  stage: Stage;
  files: ((folder: string) => Promise<FileReference>)[];
  readers: Readonly<Record<string, Readonly<Record<string, Reader>>>>;
}

const shard = (index: number) => (folder: string) =>
  writeGradientShard(store, { folder, address: 'any', shard: index, shardCount: 2 }, WIDTH, [GRADIENTS]);
const gradients: Reader = async (made) => drain(readGradients(store, await openGradientTable(store, [made])));
const training: Record<string, Reader> = {
  table: (made) => drain(trainingTable.read(store, made)),
  curve: (made) => drain(trainingTable.readIfThere(store, made)),
};
const adapter = (stage: Stage): Kind => ({
  stage,
  files: [
    text('adapter_config.json', '{"r": 4}'),
    text('adapter_model.safetensors', 'tensors'),
    (folder) =>
      trainingTable.write(store, folder, [
        { rowCount: ROWS, step: counts(), learningRate: numbers(), loss: numbers(), gradientNorm: numbers() },
      ]),
  ],
  readers: {
    'adapter_config.json': { folder: (made) => verifiedFolder(store, made) },
    'adapter_model.safetensors': { folder: (made) => verifiedFolder(store, made) },
    'training.arrow': training,
  },
});

const KINDS: Kind[] = [
  {
    stage: 'dataset',
    files: [
      (folder) =>
        rowsTable.write(store, folder, [
          {
            ...{ ...named, ...ROW, ...PLAN, sourceIndex: counts(), microBatch: counts(), shard: counts() },
            ...{ byteStart: new BigInt64Array(ROWS), byteEnd: new BigInt64Array(ROWS) },
          },
        ]),
      text('quarantine.jsonl', '{"row_index":1,"task":null,"reason":"answer_empty","detail":"row 1: none"}\n'),
    ],
    readers: {
      'rows.arrow': {
        table: (made) => drain(rowsTable.read(store, made)),
        'usable rows': (made) => readUsableRows(store, made),
        lookup: (made) => RowLookup.read(store, made),
        'micro-batches': (made) => readMicroBatches(store, made, 1),
      },
      'quarantine.jsonl': {
        bytes: (made) => drain(streamQuarantine(store, made)),
        rows: (made) => drain(readQuarantine(store, made)),
      },
    },
  },
  adapter('warmup'),
  {
    stage: 'gradients',
    files: [shard(0), shard(1)],
    readers: {
      'gradients-00000-of-00002.arrow': { table: gradients },
      'gradients-00001-of-00002.arrow': { table: gradients },
    },
  },
  {
    stage: 'values',
    files: [
      (folder) =>
        valuesTable.write(store, folder, [{ ...measured, meanOfCosines: numbers(), cosineToMean: numbers() }]),
      text('space.json', '{"points":[],"explained":[0,0],"tasks":[],"taskCosines":[]}\n'),
    ],
    readers: {
      'values.arrow': { table: (made) => drain(valuesTable.read(store, made)) },
      'space.json': { map: (made) => readSpace(store, made, new Map()) },
    },
  },
  {
    stage: 'selection',
    files: [
      (folder) =>
        selectionTable.write(store, folder, [{ ...named, copies: counts(), probability: numbers(), rank: counts() }]),
      (folder) =>
        copiesTable.write(store, folder, [
          {
            ...named,
            copy: counts(),
            operation: ['flip', 'none', 'crop'],
            parameter: numbers(),
            reason: [null, 'no_picture', null],
          },
        ]),
    ],
    readers: {
      'selection.arrow': {
        table: (made) => drain(selectionTable.read(store, made)),
        copies: (made) => readCopies(store, made),
      },
      'copies.arrow': {
        table: (made) => drain(copiesTable.read(store, made)),
        changes: (made) => readChanges(store, made),
      },
    },
  },
  adapter('finetune'),
  {
    stage: 'evaluation',
    files: [
      (folder) =>
        outcomesTable.write(store, folder, [
          { rowCount: ROWS, rowIndex: counts(), task: named.task, loss: numbers(), correct: [true, false, true] },
        ]),
    ],
    readers: { 'outcomes.arrow': { table: (made) => drain(outcomesTable.read(store, made)) } },
  },
  {
    stage: 'report',
    files: [text('report.html', '<html>'), text('tasks.csv', 'task\r\n'), text('manifest.json', '{}\n')],
    readers: { 'report.html': {}, 'tasks.csv': {}, 'manifest.json': {} },
  },
];

const HARMS: [string, (bytes: Buffer) => Buffer | null][] = [
  ['its first bit flipped', (bytes) => flipped(bytes, 0)],
  ['a bit in its middle flipped', (bytes) => flipped(bytes, bytes.length >> 1)],
  ['its last bit flipped', (bytes) => flipped(bytes, bytes.length - 1)],
  ['cut', (bytes) => bytes.subarray(0, bytes.length >> 1)],
  ['emptied', () => Buffer.alloc(0)],
  ['removed', () => null],
];

function flipped(bytes: Buffer, place: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[place]! ^= 1;
  return changed;
}

/** Harms a file, asks, and puts it right again. */
async function harmed<Result>(
  path: string,
  harm: (bytes: Buffer) => Buffer | null,
  ask: () => Promise<Result>,
): Promise<Result> {
  const bytes = readFileSync(path);
  const bad = harm(bytes);
  if (bad === null) rmSync(path);
  else writeFileSync(path, bad);
  try {
    return await ask();
  } finally {
    writeFileSync(path, bytes);
  }
}

const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  );

describe.each(KINDS)('an artifact of stage $stage', ({ stage, files, readers }) => {
  let made: ArtifactReference;
  beforeAll(async () => {
    const write = async (folder: string): Promise<FileReference[]> => {
      const written: FileReference[] = [];
      for (const one of files) written.push(await one(folder));
      return written;
    };
    made = await makeArtifact(store, stage, { of: stage }, write, { ...WIDTH, tasks: [{ task: 'a', value: 0.5 }] });
  });

  test('is read where all its bytes are right', async () => {
    for (const own of Object.values(readers)) for (const read of Object.values(own)) await read(made);
    await copyFiles(store, made, copies, stage);
    expect((await readManifest(store, made)).files.map(({ name }) => name)).toEqual(Object.keys(readers));
  });

  test.each(HARMS)('is read by nobody with a file of it %s', async (_, harm) => {
    for (const [name, own] of Object.entries(readers)) {
      const all: Record<string, Reader> = { ...own, copy: () => copyFiles(store, made, copies, stage) };
      for (const [reader, read] of Object.entries(all)) {
        const error = await harmed(join(store.uri, made.uri, name), harm, () => errorOf(read(made)));
        expect(error, `${name} by ${reader}`).toBeInstanceOf(DamagedArtifactError);
        expect((error as Error).message, reader).toContain(`${made.uri}/${name}: sha256 must be `);
        expect((error as DamagedArtifactError).damage, reader).toMatchObject({ uri: made.uri, name });
        await read(made);
      }
      const found = await harmed(join(store.uri, made.uri, name), harm, check);
      expect(found).toEqual([`${made.uri}/${name}`]);
    }
  });

  test.each(HARMS)('is not known, or refused, with its manifest %s', async (what, harm) => {
    const path = join(store.uri, made.uri, 'artifact.json');
    const byReference = await harmed(path, harm, () => errorOf(readDetails(store, made)));
    expect(byReference).toBeInstanceOf(DamagedArtifactError);
    const address = made.uri.split('/')[2]!;
    const byAddress = await harmed(path, harm, () =>
      findArtifact(store, stage, address).catch((error: unknown) => error),
    );
    if (what === 'removed') expect(byAddress).toBeNull();
    else expect(byAddress).toBeInstanceOf(DamagedArtifactError);
    if (what !== 'removed') expect(await harmed(path, harm, check)).toEqual([`${made.uri}/artifact.json`]);
  });

  async function check(): Promise<string[]> {
    const { artifacts } = await takeInventory(store, root);
    const own = artifacts.find(({ uri }) => uri === made.uri)!;
    return (await checkArtifact(store, own, () => undefined)).map(({ key }) => key);
  }
});

describe('work that is not finished', () => {
  const only = async (folder: string): Promise<string> => join(store.uri, (await store.list(folder))[0]!);

  test.each(HARMS)('a state of a training %s is not gone on from', async (_, harm) => {
    const checkpoints = createTrainingCheckpoints(store, 'warmup', 'a'.repeat(40), ['one']);
    const values = [Float32Array.of(1, 2)];
    await checkpoints.save({ parameters: values, optimizer: { step: 1, first: values, second: values } }, []);
    expect(await checkpoints.latest()).not.toBeNull();
    expect(await harmed(await only('checkpoints/warmup'), harm, () => checkpoints.latest())).toBeNull();
  });

  test.each(HARMS.slice(0, -1))('a micro-batch %s is taken again', async (_, harm) => {
    const parts = createShardParts(store, 'checkpoints/parts');
    const key = await parts.save(0, GRADIENTS);
    expect(await parts.read(key)).not.toBeNull();
    expect(await harmed(join(store.uri, key), harm, () => parts.read(key))).toBeNull();
  });

  test.each(HARMS)('the note of a finished shard %s is not believed, nor one whose file is %s', async (what, harm) => {
    const config = { warmup: {}, gradients: { storage: 'float32' } };
    const input = { config, address: 'b'.repeat(40), shard: 0, shardCount: 1 } as unknown as GradientShardInput;
    const parts = createShardParts(store, 'checkpoints/closed');
    const { file } = await closeShard(store, input, WIDTH.sketch, parts, [await parts.save(0, GRADIENTS)]);
    expect(await finishedShard(store, input)).toMatchObject({ file, cached: true });
    expect(await harmed(await only('checkpoints/gradients'), harm, () => finishedShard(store, input))).toBeNull();
    const path = join(store.uri, 'artifacts/gradients', input.address, file.name);
    // A flipped bit of it is seen by its readers.
    if (!what.includes('flipped')) expect(await harmed(path, harm, () => finishedShard(store, input))).toBeNull();
    await store.removeFolder(`artifacts/gradients/${input.address}`);
  });

  test.each(HARMS)('the last run of a name %s is refused by name, or is none', async (what, harm) => {
    const { keepLastRun, readLastRun } = createLastRunActivities({ openStore: () => store });
    const last = { fingerprint: 'f', startedAtMs: 5, result: { runName: 'small' } } as unknown as LastRun;
    const input = { config: { store: { uri: store.uri } }, runName: 'small', last } as never;
    await keepLastRun(input);
    expect(await readLastRun(input)).toEqual(last);
    const found = await harmed(await only('runs/small'), harm, () =>
      readLastRun(input).catch((error: unknown) => error),
    );
    if (what === 'removed') expect(found).toBeNull();
    else expect((found as DamagedArtifactError).damage).toMatchObject({ uri: 'runs/small', name: 'last.json' });
    await store.removeFolder('runs');
  });
});
