// What is done to the copies of rows that a selection takes more than once: by the words of the rows, and named draws.
import { allowedChanges, nothing, taskReadsOrGrounds } from '../../algorithms/augmentation.ts';
import type { Judgement } from '../../algorithms/augmentation.ts';
import { createChangeDraws } from '../../algorithms/draw-changes.ts';
import { groupByTask } from '../../algorithms/group-rows.ts';
import { numberOccurrences } from '../../algorithms/sampling.ts';
import type { SelectedRows } from '../../algorithms/selectors/take-rows.ts';
import type { CopyCounts, PictureChange, PlainReason } from '../../contracts/augmentation.ts';
import type { Config } from '../../contracts/config.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { ParsedRow } from '../../dataset/rows/parse-row.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { changedRow, RowReader } from '../../dataset/rows/row-reader.ts';
import type { Store } from '../../store/store.ts';
import type { CopiesBatch } from '../../tables/copies.ts';
import { contentHashAt, hashColumn } from '../../tables/hash-column.ts';
import { usableRows } from '../../tables/rows.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { localSource } from '../shared/local-dataset.ts';
import type { ValuedRows } from './values-columns.ts';

/** Rows between two looks at whether the activity must stop. */
const ROWS_OF_PAUSE = 256;

/** Part of the address: raised where the same copies of the same rows would be changed otherwise. */
export const COPIES_VERSION = 1;

/** What was selected, and where its texts are. */
export interface CopiesRequest {
  store: Store;
  openStore: ControlDependencies['openStore'];
  config: Config;
  rows: ArtifactReference;
  valued: ValuedRows;
  /** Of the tasks, by their index. */
  names: readonly string[];
  selected: SelectedRows;
  pulse: Pulse;
}

/** The copies beyond the first of each row, and how many of each task are changed. */
export interface PlannedCopies {
  batch: CopiesBatch;
  counts: CopyCounts[];
}

/**
 * The copies of all rows that are taken more than once, with what is done to each; null where none is. Texts are read
 * of the selected rows of the tasks that have such rows: about 20 µs each.
 * @throws InvalidDatasetError where a row is no longer what the dataset stage saw
 */
export async function planCopies(request: CopiesRequest): Promise<PlannedCopies | null> {
  const { valued, names, selected } = request;
  const repeating = new Set<number>();
  for (const [place, row] of selected.position.entries())
    if (selected.copies[place]! > 1) repeating.add(valued.taskIndex[row]!);
  if (repeating.size === 0) return null;
  const places = [...selected.position.keys()].filter((place) =>
    repeating.has(valued.taskIndex[selected.position[place]!]!),
  );
  const judged = await judgeRows(places, request);
  for (const task of repeating) judgeTask(names[task]!, judged, ofTask(places, task, request));
  return planned(request, places, judged, occurrencesOf(valued, repeating, names.length));
}

/** Judgements by place in the selection. */
type Judged = Map<number, Judgement>;

async function judgeRows(places: readonly number[], request: CopiesRequest): Promise<Judged> {
  const { store, openStore, config, rows, valued, selected, pulse } = request;
  const wanted = new Map(places.map((place) => [valued.rowIndex[selected.position[place]!]!, place]));
  const judged: Judged = new Map();
  const reader = new RowReader(config.dataset, (index) => localSource(openStore, config.dataset, index));
  try {
    for await (const row of usableRows(store, rows)) {
      const place = wanted.get(row.rowIndex);
      if (place === undefined) continue;
      const { row: parsed } = await reader.at(row);
      if (isRejection(parsed)) throw changedRow(row, parsed.detail);
      judged.set(place, judgementOf(parsed));
      if (judged.size % ROWS_OF_PAUSE === 0) await pulse.pause();
    }
  } finally {
    await reader.close();
  }
  return judged;
}

function judgementOf({ turns, images, clips }: ParsedRow): Judgement {
  const textsOf = (isAnswer: boolean): string[] =>
    turns.filter(({ role }) => (role === 'gpt') === isAnswer).map(({ value }) => value);
  return allowedChanges({
    questions: textsOf(false),
    answers: textsOf(true),
    imageCount: images.length,
    clipCount: clips.length,
  });
}

/** Of a task that reads text or names places no row is changed. */
function judgeTask(task: string, judged: Judged, places: readonly number[]): void {
  const own = places.map((place) => judged.get(place)!);
  if (!taskReadsOrGrounds(task, own)) return;
  for (const [index, { reason }] of own.entries())
    if (reason === null) judged.set(places[index]!, nothing('task_reads_or_grounds'));
}

function ofTask(places: readonly number[], task: number, { valued, selected }: CopiesRequest): number[] {
  return places.filter((place) => valued.taskIndex[selected.position[place]!] === task);
}

/** Occurrences of the rows of some tasks, by position in the values. */
function occurrencesOf(valued: ValuedRows, tasks: ReadonlySet<number>, taskCount: number): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  const groups = groupByTask(valued.taskIndex, taskCount);
  for (const task of tasks) {
    const group = groups[task]!;
    for (const [index, occurrence] of numberOccurrences(valued, group).entries()) found.set(group[index]!, occurrence);
  }
  return found;
}

/** One line of the table. */
interface PlannedCopy {
  /** Position of its row in the values. */
  row: number;
  copy: number;
  change: PictureChange | null;
  reason: PlainReason | null;
}

function planned(
  { config, valued, names, selected }: CopiesRequest,
  places: readonly number[],
  judged: Judged,
  occurrences: ReadonlyMap<number, number>,
): PlannedCopies {
  const draw = createChangeDraws(config.run.seed);
  const copies: PlannedCopy[] = [];
  for (const place of places) {
    const [row, copyCount] = [selected.position[place]!, selected.copies[place]!];
    const { allowed, reason } = judged.get(place)!;
    const contentHash = contentHashAt(valued.contentHash, row);
    const drawn = { contentHash, occurrence: occurrences.get(row)!, copyCount, allowed };
    const changes = reason === null ? draw(drawn) : [];
    for (let copy = 2; copy <= copyCount; copy += 1)
      copies.push({ row, copy, change: changes[copy - 2] ?? null, reason });
  }
  return { batch: batchOf(copies, valued, names), counts: countsOf(copies, valued, names) };
}

function batchOf(copies: readonly PlannedCopy[], valued: ValuedRows, names: readonly string[]): CopiesBatch {
  return {
    rowCount: copies.length,
    rowIndex: Uint32Array.from(copies, ({ row }) => valued.rowIndex[row]!),
    contentHash: hashColumn(copies.map(({ row }) => contentHashAt(valued.contentHash, row))),
    task: copies.map(({ row }) => names[valued.taskIndex[row]!]!),
    copy: Uint32Array.from(copies, ({ copy }) => copy),
    operation: copies.map(({ change }) => change?.operation ?? 'none'),
    parameter: Float64Array.from(copies, ({ change }) => change?.parameter ?? 0),
    reason: copies.map(({ reason }) => reason),
  };
}

/** By task in their order; those of which no row comes again are left out. */
function countsOf(copies: readonly PlannedCopy[], valued: ValuedRows, names: readonly string[]): CopyCounts[] {
  const counts = names.map((task): CopyCounts => ({ task, changed: {}, plain: {} }));
  for (const { row, change, reason } of copies) {
    const { changed, plain } = counts[valued.taskIndex[row]!]!;
    if (change !== null) changed[change.operation] = (changed[change.operation] ?? 0) + 1;
    else if (reason !== null) plain[reason] = (plain[reason] ?? 0) + 1;
  }
  return counts.filter(({ changed, plain }) => Object.keys(changed).length + Object.keys(plain).length > 0);
}
