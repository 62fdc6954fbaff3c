// A dataset under a condition of stress: rows, pictures that were changed, test rows, and a recipe that takes them.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { stringify } from 'yaml';
import { localDataset } from '../../activities/shared/local-dataset.ts';
import { evaluationDataset } from '../../activities/shared/compute-context.ts';
import { createRandom } from '../../algorithms/random-stream.ts';
import { lengthenedTasks, stressRows } from '../../algorithms/stress-rows.ts';
import type { StressedRow, StressOptions } from '../../algorithms/stress-rows.ts';
import type { Config, DatasetConfig } from '../../contracts/config.ts';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import type { RowPlace } from '../../contracts/row-place.ts';
import { stressId } from '../../contracts/stress.ts';
import type { StressKind } from '../../contracts/stress.ts';
import type { Turn } from '../../dataset/forms/conversation.ts';
import { keyOfImage, RowReader } from '../../dataset/rows/row-reader.ts';
import { parseRow } from '../../dataset/rows/parse-row.ts';
import type { ParsedRow } from '../../dataset/rows/parse-row.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { folderOfImage, rowsOf } from '../../dataset/rows/row-source.ts';
import type { LocalDataset, RowSource } from '../../dataset/rows/row-source.ts';
import { isInline } from '../../dataset/images/inline-image.ts';
import { labellingOf } from '../../dataset/tasks/task-labeller.ts';
import { LocalStore } from '../../store/local-store.ts';
import { openStore } from '../../store/open-store.ts';
import { asArray, lossOf } from '../export/export-rows.ts';

/** What was written. */
export interface StressedData {
  /** Rows by what was done to them. */
  kinds: Partial<Record<StressKind, number>>;
  /** Rows of the dataset that cannot be used, which are left out. */
  leftOutCount: number;
  /** The recipe that takes the rows. */
  recipePath: string;
}

/** The task that is added, its question, and the letters of its answers. */
const IRRELEVANT_TASK = 'irrelevant';
const IRRELEVANT_QUESTION = 'Which code stands for this?';
const CODE_LENGTH = 6;

/** A near copy: brightness within ± 3 %, noise of 2 levels. */
const BRIGHTNESS = 0.06;
const NOISE_LEVELS = 2;

type Json = Readonly<Record<string, unknown>>;

/**
 * Writes a folder with the dataset of a recipe under a condition: LLaVA rows, one file for each file of the dataset
 * since they have picture folders of their own, one for rows whose pictures were changed, and `recipe.yaml`. Each row
 * says by its `id` what was done to it. Rows that cannot be used are left out. Equal inputs give equal bytes.
 *
 * @throws InvalidDatasetError where the folder exists, or rows are packed with their pictures
 */
export async function stressData(config: Config, folder: string, options: StressOptions): Promise<StressedData> {
  if (existsSync(folder))
    throw new InvalidDatasetError(`data stress: output must be a new folder, got "${folder}", which exists`);
  const dataset = await unpacked(config.dataset);
  const found = await usableRows(dataset);
  const tasks = found.rows.map(({ task }) => task);
  const planned = stressRows({ tasks, contentHashes: Buffer.concat(found.rows.map(({ hash }) => hash)) }, options);
  const target = new LocalStore(folder);
  const writer = new StressWriter(dataset, found.rows, target, options);
  const { path, imageFolder } = await writer.write(planned);
  const evaluation = await writeTestRows(config, folder, lengthened(options, tasks), options);
  const recipePath = join(folder, 'recipe.yaml');
  const { run, evaluation: tested } = config;
  const changed: Config = {
    ...config,
    run: { ...run, name: `${run.name ?? 'stress'}-${options.condition.replaceAll('_', '-')}`.slice(0, 64) },
    dataset: { ...config.dataset, path, imageFolder, maxRows: null, taskRules: null, format: 'auto', columns: null },
    evaluation: { ...tested, ...evaluation },
  };
  await target.write('recipe.yaml', [Buffer.from(stringify(withDiskNames(changed)))]);
  const kinds: StressedData['kinds'] = {};
  for (const { kind } of planned) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return { kinds, leftOutCount: found.leftOutCount, recipePath };
}

/** @throws InvalidDatasetError where pictures stand in no folder of their own */
async function unpacked(config: DatasetConfig): Promise<LocalDataset> {
  const dataset = await localDataset(openStore, config, null);
  const packed = dataset.sources.find((source) => source.packed !== null);
  if (packed === undefined) return dataset;
  throw new InvalidDatasetError(
    `data stress: rows must be JSON beside their pictures, got "${packed.origin}"; tive data convert makes that of it`,
  );
}

/** A usable row, by its place. */
interface FoundRow {
  place: Omit<RowPlace, 'rowIndex' | 'contentHash'>;
  task: string;
  hash: Uint8Array;
}

async function usableRows(dataset: LocalDataset): Promise<{ rows: FoundRow[]; leftOutCount: number }> {
  const { label } = await labellingOf(dataset);
  const rows: FoundRow[] = [];
  let [rowCount, leftOutCount] = [0, 0];
  for (const [sourceIndex, source] of dataset.sources.entries()) {
    for await (const { bytes, byteStart, byteEnd } of rowsOf(source)) {
      if (dataset.maxRows !== null && rowCount >= dataset.maxRows) return { rows, leftOutCount };
      rowCount += 1;
      const row = parseRow(bytes, { ...dataset, form: source.form });
      const task = isRejection(row) ? null : label(row);
      const isUsable = task !== null && !dataset.excludeTasks.includes(task);
      if (isRejection(row) || !isUsable || !hasPictures(row, source)) leftOutCount += 1;
      else rows.push({ place: { sourceIndex, byteStart, byteEnd }, task, hash: textHash(row) });
    }
  }
  return { rows, leftOutCount };
}

function hasPictures({ images }: ParsedRow, source: RowSource): boolean {
  return images.every((image) => isInline(image) || existsSync(join(folderOfImage(source, image), image)));
}

/** Of what a row says and the names of its pictures. */
function textHash({ turns, images }: ParsedRow): Uint8Array {
  return createHash('sha256')
    .update(JSON.stringify([turns, images]))
    .digest();
}

/** Writes planned rows, file by file. */
class StressWriter {
  readonly #dataset: LocalDataset;
  readonly #rows: readonly FoundRow[];
  readonly #target: LocalStore;
  readonly #options: StressOptions;
  readonly #reader: RowReader;

  constructor(dataset: LocalDataset, rows: readonly FoundRow[], target: LocalStore, options: StressOptions) {
    this.#dataset = dataset;
    this.#rows = rows;
    this.#target = target;
    this.#options = options;
    this.#reader = RowReader.over(dataset);
  }

  /** @returns the files and the folder of each one's pictures */
  async write(planned: readonly StressedRow[]): Promise<{ path: string[]; imageFolder: string[] }> {
    const numbered = planned.map((row, index) => ({ ...row, index }));
    const path: string[] = [];
    const imageFolder: string[] = [];
    const file = async (name: string, folder: string, rows: typeof numbered): Promise<void> => {
      if (rows.length === 0) return;
      await this.#target.write(name, asArray(this.#bytes(rows)));
      path.push(name);
      imageFolder.push(folder);
    };
    try {
      for (const [sourceIndex, source] of this.#dataset.sources.entries()) {
        const own = numbered.filter(
          ({ kind, source: row }) => kind !== 'near_copy' && this.#rows[row]!.place.sourceIndex === sourceIndex,
        );
        await file(`rows-${sourceIndex}.json`, resolve(source.imageFolder), own);
      }
      const copies = numbered.filter(({ kind }) => kind === 'near_copy');
      await file('near-copies.json', '.', copies);
    } finally {
      await this.#reader.close();
    }
    return { path, imageFolder };
  }

  async *#bytes(rows: readonly (StressedRow & { index: number })[]): AsyncGenerator<Uint8Array> {
    for (const row of rows) yield Buffer.from(JSON.stringify(await this.#made(row)));
  }

  async #made({ kind, source, answers, index }: StressedRow & { index: number }): Promise<Json> {
    const { task } = this.#rows[source]!;
    const row = await this.#read(source);
    const given = answers === source ? row : await this.#read(answers);
    const id = stressId(kind, index);
    const images = kind === 'near_copy' ? await this.#changedPictures(row, source, index) : row.images;
    const turns =
      kind === 'irrelevant'
        ? irrelevantTurns(row, createRandom(`stress/irrelevant_task/${index}`, this.#options.seed))
        : kind === 'long_answer'
          ? longAnswers(row.promptTurns)
          : kind === 'near_copy'
            ? withBlank(row.promptTurns)
            : withAnswersOf(row.promptTurns, given.promptTurns);
    return llavaRow(
      { id, task: kind === 'irrelevant' ? IRRELEVANT_TASK : task },
      images,
      turns,
      this.#dataset.taskField,
    );
  }

  async #read(row: number): Promise<ParsedRow> {
    const { row: parsed } = await this.#reader.at(this.#rows[row]!.place);
    if (isRejection(parsed))
      throw new InvalidDatasetError(`data stress: a row changed while it was read: ${parsed.detail}`);
    return parsed;
  }

  /** Copies of a row's pictures, a little brighter or darker and with noise. @returns their names */
  async #changedPictures({ images }: ParsedRow, row: number, index: number): Promise<string[]> {
    const source = this.#dataset.sources[this.#rows[row]!.place.sourceIndex]!;
    const names: string[] = [];
    for (const [place, image] of images.entries()) {
      const bytes = await this.#reader.picture(keyOfImage(this.#rows[row]!.place, source, image, place));
      const name = `images/${index}-${place}.png`;
      const random = createRandom(`stress/near_copies/${index}/${place}`, this.#options.seed);
      // A picture that cannot be decoded stays one.
      await this.#target.write(name, [await nearCopy(bytes, random).catch(() => bytes)]);
      names.push(name);
    }
    return names;
  }
}

/** Brightness × uniform(0.97, 1.03) and normal noise of two levels on each pixel, as PNG. */
async function nearCopy(bytes: Uint8Array, random: { uniform(): number; normal(): number }): Promise<Uint8Array> {
  const { data, info } = await sharp(bytes)
    .rotate()
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const brightness = 1 - BRIGHTNESS / 2 + BRIGHTNESS * random.uniform();
  const changed = new Uint8ClampedArray(data.length);
  for (let at = 0; at < data.length; at += info.channels) {
    const noise = NOISE_LEVELS * random.normal();
    for (let channel = 0; channel < info.channels; channel += 1)
      changed[at + channel] = data[at + channel]! * brightness + noise;
  }
  const { width, height, channels } = info;
  return sharp(Buffer.from(changed.buffer), { raw: { width, height, channels } }).png().toBuffer();
}

/** The questions of one row with the answers of another: of as many turns as both have; a longer one keeps its own. */
function withAnswersOf(turns: readonly Turn[], given: readonly Turn[]): Turn[] {
  const answers = given.filter(({ role }) => role === 'gpt');
  let next = 0;
  return turns.map((turn) => {
    if (turn.role !== 'gpt') return turn;
    const answer = answers[next];
    next += 1;
    return answer === undefined ? turn : { ...turn, value: answer.value };
  });
}

function withBlank(turns: readonly Turn[]): Turn[] {
  return turns.map((turn) => (turn.role === 'human' ? { ...turn, value: `${turn.value} ` } : turn));
}

/** Answers that say the question again before they answer. */
function longAnswers(turns: readonly Turn[]): Turn[] {
  let question = '';
  return turns.map((turn) => {
    if (turn.role === 'human') question = turn.value.replaceAll('<image>', '').trim();
    return turn.role === 'gpt' ? { ...turn, value: `You ask: ${question} I answer: ${turn.value}` } : turn;
  });
}

function irrelevantTurns({ images }: ParsedRow, random: { integer(count: number): number }): Turn[] {
  const code = Array.from({ length: CODE_LENGTH }, () => random.integer(16).toString(16)).join('');
  const marks = images.map(() => '<image>\n').join('');
  return [
    { role: 'human', value: `${marks}${IRRELEVANT_QUESTION}` },
    { role: 'gpt', value: code },
  ];
}

function llavaRow(
  { id, task }: { id: string; task: string },
  images: readonly string[],
  turns: readonly Turn[],
  taskField: string,
): Json {
  return {
    id,
    [taskField]: task,
    ...(images.length === 0 ? {} : { image: images.length === 1 ? images[0] : images }),
    conversations: turns.map(({ role, value, masked }) => ({ from: role, value, ...lossOf(masked) })),
  };
}

/** Tasks whose test answers are longer too. */
function lengthened(options: StressOptions, tasks: readonly string[]): ReadonlySet<string> {
  return options.condition === 'answer_lengths' ? lengthenedTasks(tasks, options) : new Set();
}

/** Test rows whose answers must be as those of the training rows; else the recipe's own files. */
async function writeTestRows(
  config: Config,
  folder: string,
  long: ReadonlySet<string>,
  options: StressOptions,
): Promise<Pick<Config['evaluation'], 'path' | 'imageFolder'>> {
  const { path, imageFolder } = config.evaluation;
  if (path === null || long.size === 0) return { path, imageFolder };
  const dataset = await unpacked(evaluationDataset(config));
  const { rows } = await usableRows(dataset);
  const planned = rows.map(({ task }, row): StressedRow => {
    return { kind: long.has(task) ? 'long_answer' : 'clean', source: row, answers: row };
  });
  const tests = await new StressWriter(dataset, rows, new LocalStore(join(folder, 'test')), options).write(planned);
  return { path: tests.path.map((name) => `test/${name}`), imageFolder: tests.imageFolder };
}
