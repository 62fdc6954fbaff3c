// What the loss guard has to know: how many answers each task has, and which rows the reference model has seen.
import { createHash } from 'node:crypto';
import { answerCountOf } from '../../algorithms/loss-filters.ts';
import { sampleWarmup } from '../../algorithms/warmup-sample.ts';
import type { Config } from '../../contracts/config.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Store } from '../../store/store.ts';
import { hashColumn } from '../../tables/hash-column.ts';
import { readUsableRows } from '../../tables/rows.ts';
import { withRows } from '../report/example-rows.ts';
import type { Pauses } from '../shared/heartbeat.ts';
import type { ValuedRows } from './values-columns.ts';

/** Rows between two looks at whether the activity must stop. */
const ROWS_OF_PAUSE = 256;

/**
 * C of each task: e^H of its rows' answers as the dataset has them now; null where they are open-ended, or cannot be
 * read. A row's answers count as one. Every row is read: about 20 µs each.
 */
export async function countAnswers(
  store: Store,
  openStore: (uri: string) => Store,
  { dataset }: Config,
  rows: ArtifactReference,
  { rowIndex, taskIndex }: ValuedRows,
  taskCount: number,
  pulse: Pauses,
): Promise<(number | null)[]> {
  const counts = Array.from({ length: taskCount }, () => new Map<number, number>());
  await withRows(store, rows, new Set(rowIndex), dataset, openStore, pulse, async (read) => {
    for (const [place, index] of rowIndex.entries()) {
      const turns = (await read(index))?.parsed?.turns;
      if (place % ROWS_OF_PAUSE === 0) await pulse.pause();
      if (turns === undefined) continue;
      const key = keyOf(turns.filter(({ role }) => role === 'gpt').map(({ value }) => value.trim()));
      const own = counts[taskIndex[place]!]!;
      own.set(key, (own.get(key) ?? 0) + 1);
    }
  });
  return counts.map((own) => answerCountOf(own.values()));
}

/** 48 bits of a hash: enough to tell answers apart. */
function keyOf(answers: readonly string[]): number {
  return createHash('sha256').update(JSON.stringify(answers)).digest().readUIntBE(0, 6);
}

/** [example] 1 for rows that the reference model was tuned on; none where its adapter was given. */
export async function markWarmupRows(
  store: Store,
  { model, warmup, run }: Config,
  rows: ArtifactReference,
  { rowIndex }: ValuedRows,
): Promise<Uint8Array> {
  if (model.adapter !== null) return new Uint8Array(rowIndex.length);
  const table = await readUsableRows(store, rows);
  const taskNames = [...new Set(table.map(({ task }) => task))].sort();
  const index = new Map(taskNames.map((name, place) => [name, place]));
  const columns = {
    rowIndex: Uint32Array.from(table, (row) => row.rowIndex),
    contentHash: hashColumn(table.map(({ contentHash }) => contentHash)),
    taskIndex: Uint32Array.from(table, ({ task }) => index.get(task)!),
  };
  const { fraction, balance } = warmup;
  const seen = sampleWarmup(columns, { fraction, balance, seed: run.seed, taskNames });
  const tuned = new Set(Array.from(seen, (position) => table[position]!.rowIndex));
  return Uint8Array.from(rowIndex, (row) => (tuned.has(row) ? 1 : 0));
}
