import { Command, Option } from '@commander-js/extra-typings';
import { countWarnings } from '../../dataset/dataset-checks.ts';
import type { Spread } from '../../dataset/inspect.ts';
import { LLAVA_PUBLISHED_COUNTS } from '../../dataset/task-rules.ts';
import { inspectData } from '../inspect-data.ts';
import type { InspectedData } from '../inspect-data.ts';
import { printable } from '../terminal-text.ts';
import { labelData } from '../label-data.ts';

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
    .argument('<files...>', 'JSON arrays, JSON lines, Parquet, WebDataset tar')
    .option('--images <folder>', 'folder of the pictures; without it that of each file')
    .option('--task-field <key>', 'key that holds the label', 'dataset')
    .option('--json', 'as JSON')
    .action(async (files, { images, taskField, json }) => {
      const folder = images ?? null;
      const found = await inspectData(files, folder, taskField);
      const text = json === true ? JSON.stringify(found, null, 2) : describe(found, taskField, folder);
      process.stdout.write(`${text}\n`);
    });
}

function describe(found: InspectedData, taskField: string, folder: string | null): string {
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
        `${number(found.missingImageCount)} not below ${folder ?? 'the folder of the rows'}${missing}`,
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
        .choices(['llava-1.5', 'prefix', 'single', 'cluster'] as const)
        .default('llava-1.5' as const),
    )
    .option('--task-field <key>', 'key of the label', 'dataset')
    .action(async (file, { output, rules, taskField }) => {
      const { tasks, rowCount, labelledCount, unlabelledCount, notes } = await labelData(file, output, {
        taskField,
        rules,
      });
      const named = [...tasks].sort(([, left], [, right]) => right - left);
      const published = rules === 'llava-1.5' ? LLAVA_PUBLISHED_COUNTS : {};
      const width = Math.max(4, ...named.map(([task]) => task.length));
      const lines = named.map(([task, rows]) => {
        const wanted = published[task] === undefined ? '' : `   published ${number(published[task]).padStart(9)}`;
        return `${printable(task).padEnd(width)} ${number(rows).padStart(9)}${wanted}`;
      });
      const total = `${number(rowCount)} rows, ${number(labelledCount)} labelled now, ${number(unlabelledCount)} without a label`;
      process.stdout.write(`${[...lines, total].join('\n')}\n`);
      for (const note of notes) process.stderr.write(`${note}\n`);
      // As in the dataset stage: a file with other tasks is not the published one, and is not compared with it.
      if (rules === 'llava-1.5' && tasks.has('vqav2_okvqa'))
        for (const warning of countWarnings(tasks)) process.stderr.write(`${warning}\n`);
    });
}
