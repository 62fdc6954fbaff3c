import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import { createEvaluationActivities } from '../../../activities/training/evaluation.ts';
import { createFinetuneActivities } from '../../../activities/training/finetune.ts';
import type { PictureChange } from '../../../contracts/augmentation.ts';
import type { Checkpoint } from '../../../contracts/messages/run.ts';
import type { EvaluationResult, TaskScore } from '../../../contracts/messages/training.ts';
import type { ArtifactReference } from '../../../contracts/references.ts';
import { changePicture, OPERATIONS_VERSION } from '../../../dataset/images/change-picture.ts';
import { decodeImage } from '../../../dataset/images/image-decode.ts';
import { readManifest } from '../../../store/artifacts.ts';
import { copiesTable } from '../../../tables/copies.ts';
import { outcomesTable } from '../../../tables/outcomes.ts';
import { readUsableRows } from '../../../tables/rows.ts';
import { selectionTable } from '../../../tables/selection.ts';
import { hashColumn } from '../../../tables/hash-column.ts';
import { makeArtifact } from '../../tables/artifact.ts';
import { SmallRun, inActivity } from '../small-run.ts';

const ADAPTER = 'adapter_model.safetensors';

const run = new SmallRun('finetune.batch_size=2');
/** Another dataset for the same model. */
const written = new SmallRun('finetune.batch_size=2');
const { finetuneModel } = createFinetuneActivities(run.dependencies);
const { evaluateModel } = createEvaluationActivities(run.dependencies);
beforeEach(() => run.models.reset());

/** A selection of the first usable rows, each as often as is said. */
function selectFirst(...copies: number[]): Promise<{ rows: ArtifactReference; selection: ArtifactReference }> {
  return selectFrom({ copies }, ...copies);
}

/** What the selection is made from; with the changes of second copies, row by row. */
interface Determinants {
  copies?: number[];
  changes?: PictureChange[];
  budget?: number;
}

async function selectFrom(determinants: Determinants, ...copies: number[]) {
  const { rows } = await run.scan(run.config());
  return { rows, selection: await selectionOf(run, rows, determinants, copies) };
}

async function selectionOf(
  { store }: SmallRun,
  rows: ArtifactReference,
  determinants: Determinants,
  copies: number[],
): Promise<ArtifactReference> {
  const chosen = (await readUsableRows(store, rows)).slice(0, copies.length);
  const batch = {
    rowCount: chosen.length,
    rowIndex: Uint32Array.from(chosen, ({ rowIndex }) => rowIndex),
    contentHash: hashColumn(chosen.map(({ contentHash }) => contentHash)),
    task: chosen.map(({ task }) => task),
    copies: Uint32Array.from(copies),
    probability: Float64Array.from(chosen, () => 0.5),
    rank: Uint32Array.from(chosen.keys()),
  };
  const write = async (folder: string) => [await selectionTable.write(store, folder, [batch])];
  const { changes } = determinants;
  if (changes === undefined) return makeArtifact(store, 'selection', determinants, write);
  const { rowCount, rowIndex, contentHash, task } = batch;
  const changed = {
    ...{ rowCount, rowIndex, contentHash, task },
    copy: Uint32Array.from(changes, () => 2),
    operation: changes.map(({ operation }) => operation),
    parameter: Float64Array.from(changes, ({ parameter }) => parameter),
    reason: changes.map(() => null),
  };
  const writeBoth = async (folder: string) => [
    ...(await write(folder)),
    await copiesTable.write(store, folder, [changed]),
  ];
  const details = { copies: [{ task: 'name', changed: { flip: changes.length }, plain: {} }] };
  return makeArtifact(store, 'selection', determinants, writeBoth, details);
}

describe('fine-tuning', () => {
  test('trains a row as often as it was drawn', async () => {
    const input = { config: run.config(), ...(await selectFirst(1, 2, 3)) };
    const tuned = await inActivity(finetuneModel, input);
    // Six rows in steps of two.
    expect(tuned).toMatchObject({ rowCount: 6, stepCount: 3, cached: false });
    expect(run.models.calls.update).toBe(3);
  });

  test('trains on a changed copy as on a row with that picture', async () => {
    const changes: PictureChange[] = [{ operation: 'flip', parameter: 0 }];
    const changed = await inActivity(finetuneModel, {
      config: run.config(),
      ...(await selectFrom({ changes }, 2)),
    });
    const plain = await inActivity(finetuneModel, { config: run.config(), ...(await selectFirst(2)) });
    expect(changed).toMatchObject({ rowCount: 2, stepCount: 1, cached: false });
    expect(run.hashOf(changed.adapter, ADAPTER)).not.toBe(run.hashOf(plain.adapter, ADAPTER));

    // The same two rows in a dataset of their own, the second one with a file of the changed picture.
    const [row] = JSON.parse(readFileSync(join(run.folder, 'train.json'), 'utf8').slice(1)) as [{ image: string }];
    const decoded = await decodeImage(readFileSync(join(run.folder, 'images', row.image)));
    if ('reason' in decoded) throw new Error(decoded.detail);
    const { data, width, height } = changePicture(decoded, changes[0]!, [0, 0, 0]);
    const png = sharp(data, { raw: { width, height, channels: 3 } }).png();
    writeFileSync(join(written.folder, 'images/flipped.png'), await png.toBuffer());
    writeFileSync(join(written.folder, 'train.json'), JSON.stringify([row, { ...row, image: 'flipped.png' }]));
    const { rows } = await written.scan(written.config());
    const selection = await selectionOf(written, rows, {}, [1, 1]);
    const wanted = await inActivity(createFinetuneActivities(written.dependencies).finetuneModel, {
      config: written.config(),
      rows,
      selection,
    });
    expect(run.hashOf(changed.adapter, ADAPTER)).toBe(written.hashOf(wanted.adapter, ADAPTER));
  });

  test('of changed copies is another one where an operation gives other pixels', async () => {
    const determinantsOf = async (input: Awaited<ReturnType<typeof selectFrom>>) => {
      const { adapter } = await inActivity(finetuneModel, { config: run.config(), ...input });
      return (await readManifest(run.store, adapter)).determinants;
    };
    expect(await determinantsOf(await selectFirst(2))).not.toHaveProperty('operations');
    const changes: PictureChange[] = [{ operation: 'flip', parameter: 0 }];
    expect(await determinantsOf(await selectFrom({ changes }, 2))).toMatchObject({ operations: OPERATIONS_VERSION });
  });

  test('follows from the budget where the recipe says nothing, so that all methods are trained alike', async () => {
    const config = run.config('finetune.batch_size=null', 'finetune.epochs=null', 'finetune.learning_rate=null');
    const short = await inActivity(finetuneModel, { config, ...(await selectFirst(1, 2, 3)) });
    expect(short.schedule).toEqual({ batchSize: 4, epochs: 4, learningRate: 4e-4 });
    // A method that drew fewer rows than the budget of 500.
    const chosen = await selectFrom({ budget: 500 }, 1, 2, 3);
    expect((await inActivity(finetuneModel, { config, ...chosen })).schedule).toMatchObject({
      batchSize: 16,
      epochs: 4,
    });
  });

  test('is done once a selection: asked again, the adapter comes back without a step', async () => {
    const input = { config: run.config(), ...(await selectFirst(1, 2, 3)) };
    const first = await inActivity(finetuneModel, input);
    run.models.reset();
    expect(await inActivity(finetuneModel, input)).toEqual({ ...first, cached: true });
    const other = await inActivity(finetuneModel, { ...input, ...(await selectFirst(1, 2, 2)) });
    expect(other.adapter.uri).not.toBe(first.adapter.uri);
    expect(run.models.calls.update).toBe(3);
  });

  test('that is stopped goes on where it was, and ends in the same bytes', async () => {
    const chosen = await selectFirst(1, 1, 1, 1);
    const undisturbed = await inActivity(finetuneModel, { config: run.config('finetune.epochs=2'), ...chosen });
    await run.store.removeFolder(undisturbed.adapter.uri);
    run.models.reset();
    const heartbeats: Checkpoint[] = [];
    const input = { config: run.config('finetune.epochs=2'), ...chosen };
    const onStart = (cancel: () => void): void => run.models.after('update', 3, cancel);
    await expect(inActivity(finetuneModel, input, { onStart, heartbeats })).rejects.toThrow('CANCELLED');
    expect(heartbeats.at(-1)).toMatchObject({ stage: 'finetune', doneCount: 3, totalCount: 4 });
    expect(await inActivity(finetuneModel, input, { attempt: 2 })).toEqual(undisturbed);
    expect(run.models.calls.update).toBe(4);
  });
});

describe('evaluation', () => {
  interface ScoredRow {
    rowIndex: number;
    task: string;
    loss: number;
    correct: boolean;
  }

  async function outcomesOf({ outcomes }: EvaluationResult): Promise<ScoredRow[]> {
    const rows: ScoredRow[] = [];
    for await (const { rowCount, rowIndex, task, loss, correct } of outcomesTable.read(run.store, outcomes))
      for (let row = 0; row < rowCount; row += 1)
        rows.push({ rowIndex: rowIndex[row]!, task: task[row]!, loss: loss[row]!, correct: correct[row]! });
    return rows;
  }

  const meanLoss = (rows: readonly ScoredRow[]): number => rows.reduce((sum, { loss }) => sum + loss, 0) / rows.length;

  /** Scores of a task, counted row by row. */
  function scoreOf(task: string, all: readonly ScoredRow[]): TaskScore {
    const rows = all.filter((row) => row.task === task);
    const correctCount = rows.filter(({ correct }) => correct).length;
    return { task, rowCount: rows.length, correctCount, meanLoss: meanLoss(rows) };
  }

  const ACCURACY_DIGITS = 12;

  test('gives an outcome for every usable test row, in row order, and the scores that they add up to', async () => {
    const config = run.config();
    const { rows, usableCount } = await run.scan(config, 'evaluation');
    const { adapter } = await run.tune(config);
    const scored = await inActivity(evaluateModel, { config, rows, adapter });
    const outcomes = await outcomesOf(scored);
    const known = await readUsableRows(run.store, rows);
    expect(outcomes).toHaveLength(usableCount);
    expect(outcomes.map(({ rowIndex, task }) => [rowIndex, task])).toEqual(
      known.map(({ rowIndex, task }) => [rowIndex, task]),
    );
    expect(scored.tasks.map(({ task }) => task)).toEqual(['name', 'sum', 'tell']);
    for (const { task, ...score } of scored.tasks) {
      const wanted = scoreOf(task, outcomes);
      expect(score).toMatchObject({ rowCount: wanted.rowCount, correctCount: wanted.correctCount });
      expect(score.meanLoss).toBeCloseTo(wanted.meanLoss, ACCURACY_DIGITS);
    }
    const shares = scored.tasks.map(({ correctCount, rowCount }) => correctCount / rowCount);
    expect(scored.macroAccuracy).toBeCloseTo(
      shares.reduce((sum, share) => sum + share / 3, 0),
      ACCURACY_DIGITS,
    );
    expect(scored.meanLoss).toBeCloseTo(meanLoss(outcomes), ACCURACY_DIGITS);
  });

  test('is not made with an adapter of other bytes than were trained', async () => {
    const config = run.config('evaluation.max_rows=9');
    const { rows } = await run.scan(config, 'evaluation');
    const { adapter } = await run.tune(config);
    const path = join(run.store.uri, adapter.uri, 'adapter_model.safetensors');
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.from(bytes.map((byte, place) => (place === bytes.length - 8 ? byte ^ 1 : byte))));
    await expect(inActivity(evaluateModel, { config, rows, adapter })).rejects.toThrow(
      new RegExp(`^${adapter.uri}/adapter_model\\.safetensors: sha256 must be `),
    );
    writeFileSync(path, bytes);
  });

  test('is done once a model: asked again, nothing is scored', async () => {
    const config = run.config();
    const { rows } = await run.scan(config, 'evaluation');
    const first = await inActivity(evaluateModel, { config, rows, adapter: null });
    const batches = run.models.calls.score;
    expect(batches).toBeGreaterThan(0);
    expect(await inActivity(evaluateModel, { config, rows, adapter: null })).toEqual({ ...first, cached: true });
    expect(run.models.calls.score).toBe(batches);
    const tuned = await inActivity(evaluateModel, { config, rows, adapter: (await run.tune(config)).adapter });
    expect(tuned.outcomes.uri).not.toBe(first.outcomes.uri);
    expect(tuned.meanLoss).not.toBe(first.meanLoss);
  });

  test('leaves out test rows that cannot be used', async () => {
    const path = join(run.folder, 'some.json');
    const given = JSON.parse(readFileSync(join(run.folder, 'test.json'), 'utf8')) as { image?: string }[];
    writeFileSync(
      path,
      JSON.stringify(given.slice(0, 12).map((row, index) => (index === 3 ? { ...row, image: 'gone.png' } : row))),
    );
    const config = run.config(`evaluation.path=${path}`);
    const { rows } = await run.scan(config, 'evaluation');
    const scored = await inActivity(evaluateModel, { config, rows, adapter: null });
    expect(scored.tasks).toEqual([expect.objectContaining({ task: 'name', rowCount: 11 })]);
    expect((await outcomesOf(scored)).map(({ rowIndex }) => rowIndex)).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
  });
});
