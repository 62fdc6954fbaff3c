// Writing tasks into a dataset's rows.
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { TaskRules } from '../../contracts/config.ts';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import { parseRow } from '../../dataset/rows/parse-row.ts';
import type { ParseOptions } from '../../dataset/rows/parse-row.ts';
import { fieldRanges } from '../../dataset/rows/raw-json.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { asSource, jsonRows } from '../../dataset/rows/row-source.ts';
import { requireRegularFile } from '../../dataset/readers/regular-file.ts';
import { readerOf } from '../../dataset/readers/reader-of.ts';
import { labellingOf } from '../../dataset/tasks/task-labeller.ts';
import type { Labelling } from '../../dataset/tasks/task-labeller.ts';
import { LocalStore } from '../../store/local-store.ts';

/** Pictures of a row do not matter for its label. */
const ANY_IMAGES = 1_000_000;

export interface LabelOptions {
  /** Key that holds the labels. */
  taskField: string;
  rules: TaskRules;
}

export interface LabelledData {
  rowCount: number;
  /** Rows that got a label now. */
  labelledCount: number;
  /** Rows that cannot be used: copied without a label. */
  unlabelledCount: number;
  /** Rows of each task, those with a label of their own among them. */
  tasks: Map<string, number>;
  /** What a person should know of the labels. */
  notes: string[];
}

/**
 * Copies a dataset byte for byte, but for one key that each row without a label gets before its closing brace. An array
 * stays an array, lines stay lines.
 *
 * @throws InvalidDatasetError where the target exists, or the source is no dataset
 */
export async function labelData(source: string, target: string, options: LabelOptions): Promise<LabelledData> {
  if ((await stat(target).catch(() => null)) !== null) {
    throw new InvalidDatasetError(`data label: output must be a new file, got "${target}", which exists`);
  }
  await requireRegularFile(source);
  if ((await readerOf(source)).open !== null) {
    throw new InvalidDatasetError(`data label: file must be of JSON, got "${source}"; tive data convert makes one`);
  }
  const file = await asSource(source, dirname(source));
  const parse: ParseOptions = { format: 'auto', form: file.form, taskField: options.taskField, maxImages: ANY_IMAGES };
  const dataset = { path: [source], imageFolder: null, maxRows: null, excludeTasks: [], maxQuarantinedFraction: 1 };
  const { label, notes } = await labellingOf({ ...dataset, ...parse, sources: [file], taskRules: options.rules });
  const counts: LabelledData = {
    notes,
    rowCount: 0,
    labelledCount: 0,
    unlabelledCount: 0,
    tasks: new Map(),
  };
  await new LocalStore(dirname(target)).write(basename(target), labelledRows(source, { ...parse, label }, counts));
  return counts;
}

async function* labelledRows(
  source: string,
  options: ParseOptions & Pick<Labelling, 'label'>,
  counts: LabelledData,
): AsyncGenerator<Uint8Array> {
  let isLines = false;
  for await (const { bytes, line } of jsonRows(source)) {
    isLines ||= line !== null;
    if (bytes === null) {
      const row = counts.rowCount.toLocaleString('en');
      throw new InvalidDatasetError(`row ${row}: must have at most 16 MiB to be copied, got more; take it out`);
    }
    if (!isLines) yield Buffer.from(counts.rowCount === 0 ? '[\n' : ',\n');
    counts.rowCount += 1;
    const parsed = parseRow(bytes, options);
    const task = isRejection(parsed) ? parsed.task : options.label(parsed);
    if (task === null) counts.unlabelledCount += 1;
    else counts.tasks.set(task, (counts.tasks.get(task) ?? 0) + 1);
    const isNew = task !== null && parsed.task === null;
    if (isNew) counts.labelledCount += 1;
    yield isNew ? withField(bytes, options.taskField, task) : bytes;
    if (isLines) yield Buffer.from('\n');
  }
  if (!isLines) yield Buffer.from(counts.rowCount === 0 ? '[]\n' : '\n]\n');
}

/**
 * A JSON object's bytes with one key more before its closing brace; a key that is there gets the value where it stands.
 */
export function withField(object: Uint8Array, key: string, value: unknown): Uint8Array {
  const text = new TextDecoder().decode(object);
  const found = text.includes(JSON.stringify(key)) ? fieldRanges(text).get(key) : undefined;
  if (found !== undefined)
    return Buffer.from(text.slice(0, found.start) + JSON.stringify(value) + text.slice(found.end));
  let end = object.lastIndexOf(CLOSING_BRACE) - 1;
  while (SPACES.has(object[end]!)) end -= 1;
  const isEmpty = object[end] === OPENING_BRACE;
  const field = Buffer.from(`${isEmpty ? '' : ', '}${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  return Buffer.concat([object.subarray(0, end + 1), field, object.subarray(end + 1)]);
}

const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const SPACES = new Set([0x20, 0x0a, 0x0d, 0x09]);
