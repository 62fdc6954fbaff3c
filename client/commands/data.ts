import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { Command, Option } from '@commander-js/extra-typings';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import { countWarnings } from '../../dataset/dataset-checks.ts';
import { readRowForms } from '../../dataset/dataset-info.ts';
import { imageExists } from '../../dataset/image-file.ts';
import { DatasetInspector } from '../../dataset/inspect.ts';
import type { DatasetContents, Spread } from '../../dataset/inspect.ts';
import { isRejection } from '../../dataset/row-outcome.ts';
import { splitRows } from '../../dataset/row-splitter.ts';
import { LLAVA_PUBLISHED_COUNTS } from '../../dataset/task-rules.ts';
import { labelData } from '../label-data.ts';

/** Pictures of a row that are looked at. */
const MAX_IMAGES = 64;

/** Names in a line of counts. */
const SHOWN_NAMES = 12;

/** `tive data`: what is in a dataset, before any recipe. */
export function dataCommand() {
  const command = new Command('data').description('look at a dataset and label its rows');
  command.addCommand(inspectCommand() as unknown as Command);
  command.addCommand(labelCommand() as unknown as Command);
  return command;
}

function inspectCommand() {
  return new Command('inspect')
    .description('forms, keys, tasks, turns, lengths, rows that cannot be used, missing pictures')
    .argument('<files...>', 'JSON arrays or JSON lines')
    .option('--images <folder>', 'folder of the pictures; without it that of the first file')
    .option('--task-field <key>', 'key that holds the label', 'dataset')
    .option('--json', 'as JSON')
    .action(async (files, { images, taskField, json }) => {
      const folder = images ?? dirname(files[0]!);
      const found = await inspect(files, folder, taskField);
      const text = json === true ? JSON.stringify(found, null, 2) : describe(found, taskField, folder);
      process.stdout.write(`${text}\n`);
    });
}

interface Inspected extends DatasetContents {
  byteCount: number;
  /** Different pictures that rows name, and those that are not there. */
  imageCount: number;
  missingImageCount: number;
  missingImages: string[];
}

async function inspect(files: readonly string[], folder: string, taskField: string): Promise<Inspected> {
  const forms = await readRowForms(files);
  const inspector = new DatasetInspector();
  const images = new Set<string>();
  let byteCount = 0;
  for (const [index, file] of files.entries()) {
    const found = await stat(file).catch(() => null);
    if (found?.isFile() !== true) throw new InvalidDatasetError(`data inspect: file must exist, got "${file}"`);
    byteCount += found.size;
    const options = { format: 'auto' as const, form: forms[index]!, taskField, maxImages: MAX_IMAGES };
    for await (const { bytes } of splitRows(createReadStream(file, { highWaterMark: 1024 * 1024 }), basename(file))) {
      const row = inspector.add(bytes, options);
      if (!isRejection(row)) for (const image of row.images) images.add(image);
    }
  }
  const missing: string[] = [];
  for (const image of images) if (!(await imageExists(folder, image))) missing.push(image);
  return {
    byteCount,
    ...inspector.contents(),
    imageCount: images.size,
    missingImageCount: missing.length,
    missingImages: missing.slice(0, 5),
  };
}

function describe(found: Inspected, taskField: string, folder: string): string {
  const badCount = sum(found.reasons);
  const hasLabels = Object.keys(found.labels).length > 0;
  const missing = found.missingImages.length === 0 ? '' : `, for instance ${found.missingImages.join(', ')}`;
  const lines: [string, string][] = [
    ['rows', `${number(found.rowCount)} in ${(found.byteCount / 1e6).toFixed(1)} MB`],
    ['form', counts(found.forms)],
    ['keys', counts(found.keys)],
    ['labels', hasLabels ? counts(found.labels) : `no row has "${taskField}"`],
    ...Object.entries(found.tasks).map(([rules, tasks]): [string, string] => [`by ${rules}`, counts(tasks)]),
    ['turns', spread(found.turns)],
    ['answers', `${spread(found.answerLength)} characters`],
    [
      'pictures',
      `${number(found.imageRowCount)} rows with pictures, ${number(found.imageCount)} different, ` +
        `${number(found.missingImageCount)} not below ${folder}${missing}`,
    ],
    ['set aside', badCount === 0 ? 'no row' : `${number(badCount)} rows: ${counts(found.reasons)}`],
    ...found.examples.map(({ rowIndex, reason, detail }): [string, string] => [
      '',
      `row ${number(rowIndex)} ${reason}: ${printable(detail)}`,
    ]),
  ];
  return lines.map(([name, text]) => `${name.padEnd(13)} ${text}`).join('\n');
}

function counts(named: Partial<Record<string, number>>): string {
  const entries = Object.entries(named);
  const shown = entries.slice(0, SHOWN_NAMES).map(([name, rows]) => `${printable(name)} ${number(rows!)}`);
  const rest = entries.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ') || 'none';
}

function spread(found: Spread | null): string {
  if (found === null) return 'none';
  return `median ${number(found.median)}, 95 % up to ${number(found.high)}, at most ${number(found.most)}`;
}

/** Text of a dataset for a terminal: control characters, which may be commands to it, are shown as codes. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (character) => JSON.stringify(character).slice(1, -1));
}

function sum(named: Partial<Record<string, number>>): number {
  return Object.values(named).reduce<number>((total, rows) => total + (rows ?? 0), 0);
}

function number(value: number): string {
  return value.toLocaleString('en');
}

function labelCommand() {
  return new Command('label')
    .description('copy a dataset with a task label in every row that has none')
    .argument('<file>', 'JSON array or JSON lines')
    .requiredOption('-o, --output <file>', 'new file')
    .addOption(
      new Option('--rules <rules>', 'how rows are labelled')
        .choices(['llava-1.5', 'prefix', 'single'] as const)
        .default('llava-1.5' as const),
    )
    .option('--task-field <key>', 'key of the label', 'dataset')
    .action(async (file, { output, rules, taskField }) => {
      const { tasks, rowCount, labelledCount, unlabelledCount } = await labelData(file, output, { taskField, rules });
      const named = [...tasks].sort(([, left], [, right]) => right - left);
      const published = rules === 'llava-1.5' ? LLAVA_PUBLISHED_COUNTS : {};
      const width = Math.max(4, ...named.map(([task]) => task.length));
      const lines = named.map(([task, rows]) => {
        const wanted = published[task] === undefined ? '' : `   published ${number(published[task]).padStart(9)}`;
        return `${printable(task).padEnd(width)} ${number(rows).padStart(9)}${wanted}`;
      });
      const total = `${number(rowCount)} rows, ${number(labelledCount)} labelled now, ${number(unlabelledCount)} without a label`;
      process.stdout.write(`${[...lines, total].join('\n')}\n`);
      // As in the dataset stage: a file with other tasks is not the published one, and is not compared with it.
      if (rules === 'llava-1.5' && tasks.has('vqav2_okvqa'))
        for (const warning of countWarnings(tasks)) process.stderr.write(`${warning}\n`);
    });
}
