import { basename, dirname, join } from 'node:path';
import { localDataset } from '../activities/local-dataset.ts';
import type { DatasetConfig } from '../contracts/config.ts';
import { InvalidDatasetError } from '../contracts/failures.ts';
import { readRowForms } from '../dataset/dataset-info.ts';
import { formNameOf, parseFieldsOf, readFields } from '../dataset/parse-row.ts';
import type { ParsedRow, ParseOptions } from '../dataset/parse-row.ts';
import { objectOf, rawFields } from '../dataset/raw-json.ts';
import { isRejection } from '../dataset/row-outcome.ts';
import { jsonRows } from '../dataset/row-source.ts';
import { LocalStore } from '../store/local-store.ts';
import { openStore } from '../store/open-store.ts';
import { asArray, datasetInfo, isUnpacked, onOneLine, toMessages, withPictures } from './export-rows.ts';

/** Forms that data is converted to. */
export const CONVERT_FORMS = ['llava', 'jsonl', 'sharegpt'] as const;
export type ConvertForm = (typeof CONVERT_FORMS)[number];

/** What was converted. */
export interface ConvertedData {
  rowCount: number;
  /** Rows that cannot be used, in the file beside the output. */
  setAside: { count: number; path: string } | null;
}

/** Pictures of a row do not matter for its form. */
const MOST_IMAGES = 1_000_000;

/**
 * Writes rows of any form as LLaVA's array, as lines of the same, or as LLaMA-Factory reads them. Rows that are LLaVA's
 * already keep their bytes. Pictures that are packed with their rows are put below `images` beside the output; other paths
 * stay as they are. A row that cannot be used is written to a file of its own, with its reason.
 *
 * @throws InvalidDatasetError where a file cannot be read, or the output exists
 */
export async function convertData(
  files: readonly string[],
  output: string,
  form: ConvertForm,
  taskField: string,
): Promise<ConvertedData> {
  const target = new LocalStore(dirname(output));
  if ((await target.size(basename(output))) !== null)
    throw new InvalidDatasetError(`data convert: output must be a new file, got "${output}", which exists`);
  const dataset: DatasetConfig = {
    ...{ path: [...files], format: 'auto', imageFolder: null, taskField, taskRules: null },
    ...{ excludeTasks: [], maxImages: MOST_IMAGES, maxRows: null, maxQuarantinedFraction: 1 },
  };
  const bad: string[] = [];
  const counts = { rowCount: 0 };
  const rows = convertedRows(dataset, form, target, bad, counts);
  await target.write(basename(output), form === 'jsonl' ? asLines(rows) : asArray(rows));
  if (form === 'sharegpt') {
    const name = basename(output).replace(/\.[^.]*$/, '');
    await target.write('dataset_info.json', [Buffer.from(datasetInfo(name, basename(output)))]);
  }
  if (bad.length === 0) return { ...counts, setAside: null };
  const name = `${basename(output)}.quarantine.jsonl`;
  await target.write(name, [Buffer.from(bad.join(''))]);
  return { ...counts, setAside: { count: bad.length, path: join(dirname(output), name) } };
}

async function* convertedRows(
  dataset: DatasetConfig,
  form: ConvertForm,
  target: LocalStore,
  bad: string[],
  counts: { rowCount: number },
): AsyncGenerator<Uint8Array> {
  const { sources } = await localDataset(openStore, dataset, null);
  const forms = await readRowForms(sources.map(({ origin }) => origin));
  for (const [index, source] of sources.entries()) {
    const options: ParseOptions = { ...dataset, form: forms[index]! };
    for await (const { bytes } of jsonRows(source.path)) {
      const converted = convertRow(bytes, form, options);
      if ('reason' in converted) {
        const line = { file: basename(source.origin), ...converted, row: bytes === null ? null : textOf(bytes) };
        bad.push(`${JSON.stringify(line)}\n`);
        continue;
      }
      counts.rowCount += 1;
      yield isUnpacked(source)
        ? await withPictures(converted.bytes, source, `images/${index}`, target)
        : converted.bytes;
    }
  }
}

function convertRow(
  bytes: Uint8Array | null,
  form: ConvertForm,
  options: ParseOptions,
): { bytes: Uint8Array } | { reason: string; detail: string } {
  const read = readFields(bytes);
  if (isRejection(read)) return read;
  const row = parseFieldsOf(read, options);
  if (isRejection(row)) return { reason: row.reason, detail: row.detail };
  if (form !== 'sharegpt' && formNameOf(read.fields, options) === 'llava') return { bytes: bytes! };
  const converted = form === 'sharegpt' ? { messages: toMessages(row), images: row.images } : toLlava(row);
  const own = Object.entries(converted).map(([key, value]) => [key, JSON.stringify(value)] as const);
  return { bytes: Buffer.from(objectOf([...otherFields(read.text, options), ...own])) };
}

/** What a row says beside its dialogue and pictures, as it says it. */
function otherFields(text: string, { form }: ParseOptions): [key: string, value: string][] {
  const own = ['messages', 'conversations', 'system', 'image', 'images', form?.turns, form?.images, form?.system];
  return [...rawFields(text)].filter(([key]) => !own.includes(key));
}

/** A row as LLaVA reads it; a system text stands in front, where LLaVA's loader drops one turn of another role. */
function toLlava({ images, promptTurns }: ParsedRow): Record<string, unknown> {
  return {
    ...(images.length === 0 ? {} : { image: images.length === 1 ? images[0] : images }),
    conversations: promptTurns.map(({ role, value }) => ({ from: role, value })),
  };
}

async function* asLines(rows: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const row of rows) {
    yield onOneLine(row);
    yield Buffer.from('\n');
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
