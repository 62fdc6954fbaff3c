// Conversion of a dataset's rows to another form.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { localDataset } from '../../activities/shared/local-dataset.ts';
import type { DatasetConfig } from '../../contracts/config.ts';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { DESCRIPTION_FILE } from '../../dataset/forms/dataset-info.ts';
import type { Form } from '../../dataset/forms/form.ts';
import { CLIP_KEYS, clipLists } from '../../dataset/forms/clips.ts';
import { FORMS, formOf } from '../../dataset/forms/forms.ts';
import { LLAVA_FORM } from '../../dataset/forms/llava.ts';
import { parseFieldsOf, readFields } from '../../dataset/rows/parse-row.ts';
import type { ParsedRow, ParseOptions } from '../../dataset/rows/parse-row.ts';
import { objectOf, onOneLine, rawFields } from '../../dataset/rows/raw-json.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { rowsOf } from '../../dataset/rows/row-source.ts';
import { LocalStore } from '../../store/local-store.ts';
import { openStore } from '../../store/open-store.ts';
import type { ConvertForm } from './convert-forms.ts';
import { asArray, datasetInfo, lossOf, toMessages, withPictures } from '../export/export-rows.ts';

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
 * already keep their bytes. Pictures that are packed with their rows are put into `<output>.images` beside it; other
 * paths stay as they are. A row that cannot be used is written to a file of its own, with its reason.
 *
 * @throws InvalidDatasetError where a file cannot be read, or the output exists
 */
export async function convertData(
  files: readonly string[],
  output: string,
  form: ConvertForm,
  taskField: string,
): Promise<ConvertedData> {
  const [folder, name] = [dirname(output), basename(output)];
  if (output === '' || existsSync(output))
    throw new InvalidDatasetError(`data convert: output must be a new file, got "${output}", which exists`);
  const aside = `${name}.quarantine.jsonl`;
  if (existsSync(join(folder, aside)))
    throw new InvalidDatasetError(`data convert: "${join(folder, aside)}" must not exist, as set aside rows go there`);
  const description = form === 'sharegpt' ? await describedWith(folder, name) : null;
  const target = new LocalStore(folder);
  const dataset: DatasetConfig = {
    path: [...files],
    format: 'auto',
    imageFolder: null,
    taskField,
    taskRules: null,
    excludeTasks: [],
    maxImages: MOST_IMAGES,
    maxRows: null,
    maxQuarantinedFraction: 1,
  };
  const bad: string[] = [];
  const counts = { rowCount: 0 };
  const rows = convertedRows(dataset, form, target, `${name}.images`, bad, counts);
  await target.write(name, form === 'jsonl' ? asLines(rows) : asArray(rows));
  if (description !== null) await target.write(DESCRIPTION_FILE, [Buffer.from(description)]);
  if (bad.length === 0) return { ...counts, setAside: null };
  await target.write(aside, [Buffer.from(bad.join(''))]);
  return { ...counts, setAside: { count: bad.length, path: join(folder, aside) } };
}

/**
 * LLaMA-Factory's description of the folder's files with one more.
 * @throws InvalidDatasetError where it knows the name already
 */
async function describedWith(folder: string, fileName: string): Promise<string> {
  const path = join(folder, DESCRIPTION_FILE);
  const text = await readFile(path, 'utf8').catch(() => '{}');
  const name = fileName.replace(/\.[^.]*$/, '');
  let known: unknown;
  try {
    known = JSON.parse(text);
  } catch {
    known = null;
  }
  if (!isJsonObject(known))
    throw new InvalidDatasetError(`${path}: must be an object of datasets, got another text; write to another folder`);
  if (Object.hasOwn(known, name))
    throw new InvalidDatasetError(`${path}: must not know "${name}" yet, got an entry; name the output differently`);
  return `${JSON.stringify({ ...known, ...datasetInfo(name, fileName) }, null, 2)}\n`;
}

async function* convertedRows(
  dataset: DatasetConfig,
  form: ConvertForm,
  target: LocalStore,
  pictures: string,
  bad: string[],
  counts: { rowCount: number },
): AsyncGenerator<Uint8Array> {
  const { sources } = await localDataset(openStore, dataset, null);
  for (const [index, source] of sources.entries()) {
    const options: ParseOptions = { ...dataset, form: source.form };
    for await (const { bytes } of rowsOf(source)) {
      const converted = convertRow(bytes, form, options);
      if ('reason' in converted) {
        const line = { file: basename(source.origin), ...converted, row: bytes === null ? null : textOf(bytes) };
        bad.push(`${JSON.stringify(line)}\n`);
        continue;
      }
      counts.rowCount += 1;
      yield await withPictures(converted.bytes, converted, source, `${pictures}/${index}`, target);
    }
  }
}

function convertRow(
  bytes: Uint8Array | null,
  form: ConvertForm,
  options: ParseOptions,
): (Pick<ParsedRow, 'images' | 'clips'> & { bytes: Uint8Array }) | { reason: string; detail: string } {
  const read = readFields(bytes);
  if (isRejection(read)) return read;
  const row = parseFieldsOf(read, options);
  if (isRejection(row)) return { reason: row.reason, detail: row.detail };
  const own = formOf(read.fields, options);
  const { images, clips } = row;
  if (form !== 'sharegpt' && own === LLAVA_FORM) return { bytes: bytes!, images, clips };
  const turned = form === 'sharegpt' ? { messages: toMessages(row), images } : toLlava(row);
  const converted = { ...turned, ...clipLists(clips, (name) => name) };
  const fields = Object.entries(converted).map(([key, value]) => [key, JSON.stringify(value)] as const);
  const others = otherFields(read.text, own).filter(([key]) => clips.length === 0 || !CLIP_KEYS.includes(key));
  return { bytes: Buffer.from(objectOf([...others, ...fields])), images, clips };
}

/** What a row says beside its dialogue and pictures, as it says it. */
function otherFields(text: string, own: Form): [key: string, value: string][] {
  const keys = new Set([...FORMS, own].flatMap((form) => form.keys));
  return [...rawFields(text)].filter(([key]) => !keys.has(key));
}

/** A row as LLaVA reads it; a system text stands in front, where LLaVA's loader drops one turn of another role. */
function toLlava({ images, promptTurns }: ParsedRow): JsonObject {
  return {
    ...(images.length === 0 ? {} : { image: images.length === 1 ? images[0] : images }),
    conversations: promptTurns.map(({ role, value, masked }) => ({ from: role, value, ...lossOf(masked) })),
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
