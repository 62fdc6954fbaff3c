// `tive select`, `report` and `export`: more from a finished run.
import { access, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { openStore } from '../../store/open-store.ts';
import { EXPORT_FORMS } from '../../contracts/export-forms.ts';
import { EXPORT_FOLDER, OWN_EXPORT_FOLDER } from '../runs/former-result.ts';
import { namedRun } from '../runs/find-run.ts';
import { resultOf } from '../runs/look-at-run.ts';
import { writing } from '../terminal/interrupt.ts';
import { AUTO_METHOD, METHOD_NAMES, METHODS } from '../../contracts/methods.ts';
import { withPlaces } from './run-options.ts';
import { saveResult } from '../runs/run-folder.ts';
import { openBrowser } from '../terminal/open-browser.ts';
import { hint } from '../terminal/own-command.ts';
import { printable } from '../terminal/terminal-text.ts';

const METHOD_HELP = `${METHOD_NAMES.map((method) => `${method}: ${METHODS[method].summary}`).join('; ')}; auto: ${AUTO_METHOD}`;

/** `tive select`: another selection from the gradient table, in seconds. */
export function selectCommand() {
  return withRun(new Command('select'))
    .description('select again from a run’s gradients, in seconds; the result is a run of its own')
    .argument(
      '[settings...]',
      'key.path=value of values, allocation or selection, e.g. selection.filters=[near_duplicates]',
    )
    .addOption(new Option('--method <method>', METHOD_HELP).choices([...METHOD_NAMES, 'auto']))
    .option('--lambda <number>', 'sharpness inside a task', parseNumber)
    .option('--budget <number>', 'rows, or a share of them in (0, 1]', parseNumber)
    .option('--name <name>', 'name of the new run')
    .action(async (run, settings, { runs, address, namespace, store: uri, ...options }) => {
      const named = await namedRun(run, runs);
      const { reselectRun } = await import('../runs/reselect-run.ts');
      const base = await resultOf(named, { address, namespace, store: uri });
      const made = await reselectRun(base, { ...options, address, namespace, settings });
      const store = openStore(made.config.store.uri);
      const reportPath = await saveResult(made.folder, store, made.result);
      const { method, selection } = made.result.methods[0]!;
      const lines = [
        `${method} selected ${selection!.rowCount.toLocaleString('en')} rows`,
        ...selection!.tasks.map(
          ({ task, copies }) => `  ${printable(task).padEnd(20)} ${copies.toLocaleString('en').padStart(9)}`,
        ),
        ...(reportPath === null ? [] : [`report: ${relative(process.cwd(), reportPath)}`]),
        `subset: ${hint('export', made.runName, '--to', 'llava')}`,
      ];
      process.stdout.write(`${lines.join('\n')}\n`);
    });
}

/** `tive report`: the place of a run's report. */
export function reportCommand() {
  return withRun(new Command('report'))
    .description('print where a run’s report lies; that of a run on a cluster is fetched')
    .option('--open', 'open it in the browser')
    .action(async (run, { runs, open, ...asked }) => {
      const named = await namedRun(run, runs);
      const result = await resultOf(named, asked, true);
      const path = await saveResult(named.folder, openStore(result.config.store.uri), result);
      if (path === null)
        throw new RangeError(
          `report: run must have a report, got none in ${named.folder.path}; ${hint('select', run)} makes one`,
        );
      await access(path);
      process.stdout.write(`${relative(process.cwd(), path)}\n`);
      if (open === true) openBrowser(path);
    });
}

/** `tive export`: the subset in another tool's form. */
export function exportCommand() {
  return withRun(new Command('export'))
    .description('write a run’s subset or adapter for another tool')
    .addOption(
      new Option(
        '--to <form>',
        'llava: rows copied byte for byte; jsonl: the same, a line each; sharegpt: for LLaMA-Factory; indices: NPY and JSON; ' +
          'csv, parquet: values of all rows; adapter: PEFT folder',
      )
        .choices(EXPORT_FORMS)
        .default('llava' as const),
    )
    .option('--output <folder>', 'where to write; without it below the run’s folder')
    .option('--with-values', 'rows of llava and jsonl get a key "tive" with their values; nothing else of them changes')
    .option('--rows <file>', 'JSON list of row indexes to write in place of the selection, below export-rows')
    .action(async (run, { runs, to, output, withValues, rows, ...asked }) => {
      const own = rows === undefined ? null : await readRowList(rows);
      const named = await namedRun(run, runs);
      const result = await resultOf(named, asked);
      const { exportRun } = await import('../export/export.ts');
      const target = output ?? join(named.folder.path, own === null ? EXPORT_FOLDER : OWN_EXPORT_FOLDER);
      const { path, content, imageFolders } = await writing(() =>
        exportRun(openStore(result.config.store.uri), result, to, target, withValues === true, own),
      );
      process.stdout.write(`${relative(process.cwd(), path)}  ${content}\n`);
      if (imageFolders !== null)
        process.stderr.write(`pictures keep their names, below ${imageFolders.map(printable).join(', ')}\n`);
    });
}

/** @throws RangeError where the file holds something else */
async function readRowList(path: string): Promise<number[]> {
  const text = await readFile(path, 'utf8');
  let list: unknown = null;
  try {
    list = JSON.parse(text);
  } catch {
    // Said below.
  }
  const isIndex = (item: unknown): item is number => Number.isSafeInteger(item) && (item as number) >= 0;
  if (Array.isArray(list) && list.every(isIndex)) return list;
  throw new RangeError(`--rows: file must hold a JSON list of row indexes, got ${text.slice(0, 40)}`);
}

function withRun(command: Command) {
  return withPlaces(command.argument('<run>', 'name of the run, or its folder'));
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && text.trim() !== '') return value;
  throw new InvalidArgumentError(`must be a number, got "${text}"`);
}
