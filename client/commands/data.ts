// `tive data`: looks at datasets, validates, labels and converts them.
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { Command, Option } from '@commander-js/extra-typings';
import { stressCommand } from './stress.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { SOURCE_FILES } from '../../dataset/readers/readers.ts';
import type { Spread } from '../../dataset/rows/dataset-inspector.ts';
import { CONVERT_FORMS } from '../data/convert-forms.ts';
import { writing } from '../terminal/interrupt.ts';
import { EXIT } from '../terminal/outcome.ts';
import type { ValidatedData } from '../data/validate-data.ts';
import { sum } from '../data/sum.ts';
import type { InspectedData } from '../data/inspect-data.ts';
import { namedLines, grouped, print, printable } from '../terminal/terminal-text.ts';

/** Names in a line of counts. */
const SHOWN_NAMES = 12;

/** `tive data`: what is in a dataset, before any recipe. */
export function dataCommand() {
  const command = new Command('data').description('look at a dataset, check it, label its rows, convert it');
  command.addCommand(inspectCommand());
  command.addCommand(validateCommand());
  command.addCommand(labelCommand());
  command.addCommand(convertCommand());
  command.addCommand(stressCommand());
  return command;
}

function inspectCommand() {
  return new Command('inspect')
    .description('forms, keys, tasks, turns, lengths, rows that cannot be used, missing pictures and clips')
    .argument('<files...>', SOURCE_FILES)
    .option('--images <folder>', 'folder of pictures and clips; without it that of each file')
    .option('--task-field <key>', 'key that holds the label', 'dataset')
    .option('--json', 'as JSON')
    .action(async (files, { images, taskField, json }) => {
      const { inspectData } = await import('../data/inspect-data.ts');
      const folder = images ?? null;
      const { findDataFiles } = await import('../recipe/data-files.ts');
      const given = files.map((path) => findDataFiles(path, 'data inspect'));
      const own = given.flatMap((one) => one.files);
      const notes = given.flatMap((one) => one.notes);
      const found = { ...(await inspectData(own, folder, taskField)), notes };
      print(found, json, () => inspectionLines(found, taskField, folder));
    });
}

function inspectionLines(
  found: InspectedData & { notes: string[] },
  taskField: string,
  folder: string | null,
): string[] {
  const badCount = sum(found.reasons);
  const hasLabels = Object.keys(found.labels).length > 0;
  const missing = (count: number, names: readonly string[]): string =>
    `${grouped(count)} not below ${folder ?? 'the folder of the rows'}` +
    (names.length === 0 ? '' : `, for instance ${names.map(printable).join(', ')}`);
  const lines: [string, string][] = [
    ['rows', `${grouped(found.rowCount)} in ${(found.byteCount / 1e6).toFixed(1)} MB`],
    ...found.notes.map((note): [string, string] => ['not read', printable(note)]),
    ['form', counts(found.forms)],
    ['keys', counts(found.keys)],
    ...found.unreadKeys.map(({ key, count, meaning }, index): [string, string] => [
      index === 0 ? 'not read' : '',
      `${key} in ${grouped(count)} rows: ${meaning}`,
    ]),
    ['labels', hasLabels ? counts(found.labels) : `no row has "${taskField}"`],
    ...Object.entries(found.tasks).map(([rules, tasks]): [string, string] => [`by ${rules}`, counts(tasks)]),
    ['turns', spread(found.turns)],
    ['answers', `${spread(found.answerLength)} characters`],
    ...(found.maskedAnswerCount === 0
      ? []
      : [['', `${grouped(found.maskedAnswerCount)} given and not learned, as their turns say`] as [string, string]]),
    [
      'pictures',
      `${grouped(found.imageRowCount)} rows with pictures, ${grouped(found.imageCount)} different, ` +
        missing(found.missingImageCount, found.missingImages),
    ],
    ...(found.clipRowCount === 0
      ? []
      : [
          [
            'clips',
            `${grouped(found.clipRowCount)} rows with videos or sounds, ${grouped(found.clipFileCount)} different files, ` +
              missing(found.missingClipFileCount, found.missingClipFiles),
          ] as [string, string],
        ]),
    ['set aside', badCount === 0 ? 'no row' : `${grouped(badCount)} rows: ${counts(found.reasons)}`],
    ...found.examples.map(({ rowIndex, reason, detail }): [string, string] => [
      '',
      `row ${grouped(rowIndex)} ${reason}: ${printable(detail)}`,
    ]),
  ];
  return namedLines(lines);
}

function counts(named: Partial<Record<string, number>>): string {
  // An object puts keys that look like numbers first.
  const entries = Object.entries(named).sort(([, left], [, right]) => right! - left!);
  const shown = entries.slice(0, SHOWN_NAMES).map(([name, rows]) => `${printable(name)} ${grouped(rows!)}`);
  const rest = entries.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ') || 'none';
}

function spread(found: Spread | null): string {
  if (found === null) return 'none';
  return `median ${grouped(found.median)}, 95 % up to ${grouped(found.high)}, at most ${grouped(found.most)}`;
}

function validateCommand() {
  return new Command('validate')
    .description('read every row and picture as a run would; exit code 2 where a run would refuse them')
    .argument('<recipe>', 'recipe file')
    .argument('[settings...]', 'key.path=value, which win over the recipe')
    .option('-o, --output <file>', 'lines of the rows that cannot be used', 'quarantine.jsonl')
    .option('--json', 'as JSON')
    .option('--quiet', 'no progress')
    .action(async (recipe, overrides, { output, json, quiet }) => {
      const { loadRecipe } = await import('../recipe/recipe.ts');
      const { validateData } = await import('../data/validate-data.ts');
      const { config, notes } = loadRecipe(recipe, { overrides });
      const lines = (await openQuarantine(output)).createWriteStream();
      const showsProgress = quiet !== true && process.stderr.isTTY;
      const validated = await validateData(
        config,
        (line) => void lines.write(line),
        (rowCount) => showsProgress && process.stderr.write(`\r${grouped(rowCount)} rows`),
      );
      lines.end();
      await finished(lines);
      if (showsProgress) process.stderr.write('\r\x1b[2K');
      const found = { ...validated, warnings: [...notes, ...validated.warnings] };
      print(found, json, () => validationLines(found, output));
      if (found.problem !== null) process.exitCode = EXIT.callerMustAct;
    });
}

/** A new file, or one of rows that were set aside before. @throws InvalidConfigError for any other file */
async function openQuarantine(path: string): Promise<FileHandle> {
  const found = await stat(path).catch(() => null);
  if (found?.isFile() === true && found.size > 0) {
    const [first = ''] = (await readFirst(path)).split('\n');
    if (!/^\{"row_index":\d+,"task":.*"reason":/.test(first))
      throw new InvalidConfigError(
        `data validate: output must be a new file or one of rows set aside, got "${path}"; name another with -o`,
      );
  }
  return open(path, 'w');
}

async function readFirst(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64 * 1024));
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function validationLines({ warnings, problem, ...found }: ValidatedData, output: string): string[] {
  const badCount = found.rowCount - found.usableCount;
  const reasons = Object.fromEntries(found.quarantined.map(({ reason, count }) => [reason, count]));
  const lines: [string, string][] = [
    [
      'rows',
      `${grouped(found.rowCount)}, ${grouped(found.usableCount)} usable, ${grouped(found.duplicateCount)} with the content of another`,
    ],
    ['tasks', counts(Object.fromEntries(found.tasks.map(({ task, usableCount }) => [task, usableCount])))],
    ['tokens', grouped(found.tokenCount)],
    ['set aside', badCount === 0 ? 'no row' : `${grouped(badCount)} rows: ${counts(reasons)}; see ${output}`],
    ...warnings.map((text): [string, string] => ['warning', printable(text)]),
    ['a run', problem === null ? 'takes it' : `refuses it: ${printable(problem)}`],
  ];
  return namedLines(lines);
}

function convertCommand() {
  return new Command('convert')
    .description('write rows of any form in another one; pictures that are packed with rows become files')
    .argument('<files...>', SOURCE_FILES)
    .requiredOption('-o, --output <file>', 'new file')
    .addOption(
      new Option('--to <form>', 'llava: an array; jsonl: a line a row; sharegpt: for LLaMA-Factory')
        .choices(CONVERT_FORMS)
        .default('llava' as const),
    )
    .option('--task-field <key>', 'key of the label', 'dataset')
    .action(async (files, { output, to, taskField }) => {
      const { convertData } = await import('../data/convert-data.ts');
      const { rowCount, setAside } = await writing(() => convertData(files, output, to, taskField));
      const rest = setAside === null ? '' : `, ${grouped(setAside.count)} that cannot be used in ${setAside.path}`;
      process.stdout.write(`${output}  ${grouped(rowCount)} rows${rest}\n`);
    });
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
      const { labelData } = await import('../data/label-data.ts');
      const { countWarnings } = await import('../../dataset/rows/dataset-checks.ts');
      const { LLAVA_PUBLISHED_COUNTS } = await import('../../dataset/tasks/task-rules.ts');
      const { tasks, rowCount, labelledCount, unlabelledCount, notes } = await writing(() =>
        labelData(file, output, { taskField, rules }),
      );
      const named = [...tasks].sort(([, left], [, right]) => right - left);
      const published = new Map(rules === 'llava-1.5' ? Object.entries(LLAVA_PUBLISHED_COUNTS) : []);
      const width = Math.max(4, ...named.map(([task]) => task.length));
      const lines = named.map(([task, rows]) => {
        const count = published.get(task);
        const wanted = count === undefined ? '' : `   published ${grouped(count).padStart(9)}`;
        return `${printable(task).padEnd(width)} ${grouped(rows).padStart(9)}${wanted}`;
      });
      const total = `${grouped(rowCount)} rows, ${grouped(labelledCount)} labelled now, ${grouped(unlabelledCount)} without a label`;
      process.stdout.write(`${[...lines, total].join('\n')}\n`);
      for (const note of notes) process.stderr.write(`${note}\n`);
      // As in the dataset stage: a file with other tasks is not the published one, and is not compared with it.
      if (rules === 'llava-1.5' && tasks.has('vqav2_okvqa'))
        for (const warning of countWarnings(tasks)) process.stderr.write(`${warning}\n`);
    });
}
