// `tive list`, `compare` and `show`: what runs have found.
import { relative } from 'node:path';
import { Argument, Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { STAGE_SUMMARIES, STAGES } from '../../contracts/stages.ts';
import type { RunComparison } from '../runs/compare-runs.ts';
import { namedRun } from '../runs/find-run.ts';
import { resultOf } from '../runs/look-at-run.ts';
import { listRuns } from '../runs/list-runs.ts';
import type { ListedRun } from '../runs/list-runs.ts';
import { withPlaces } from './run-options.ts';
import { PRESET_SUMMARIES } from '../recipe/presets.ts';
import type { ShownRow } from '../runs/show-row.ts';
import { grouped, print, printable } from '../terminal/terminal-text.ts';

/** `tive list`: runs, presets or stages. */
export function listCommand() {
  const listed = new Command('list')
    .description('list runs, presets or stages')
    .addArgument(
      new Argument('[what]', 'what to list').choices(['runs', 'presets', 'stages'] as const).default('runs'),
    );
  return withPlaces(listed)
    .option('--json', 'as JSON')
    .action(async (what, { runs, json, ...asked }) => {
      if (what === 'runs') return print(await listRuns(runs, asked), json, (found) => describeRuns(found, runs));
      const names: Record<string, string> = what === 'presets' ? PRESET_SUMMARIES : STAGE_SUMMARIES;
      const listed = (what === 'presets' ? Object.keys(names) : [...STAGES]).map((name) => ({
        name,
        summary: names[name]!,
      }));
      print(listed, json, (found) => found.map(({ name, summary }) => `${name.padEnd(16)} ${summary}`));
    });
}

function describeRuns(runs: readonly ListedRun[], folder: string): string[] {
  if (runs.length === 0) return [`no runs below ${folder}; tive run RECIPE makes one`];
  const width = Math.max(...runs.map(({ runName }) => runName.length));
  return runs.map(({ runName, place, state, stage, rowCount, selectedCount, method, changedAt }) => {
    const by = place === 'folder' ? '' : `  ${method === null ? '' : `${method} `}on the ${place}`;
    const selected =
      selectedCount === null ? by : `  ${method} ${grouped(selectedCount)} of ${grouped(rowCount!)} rows`;
    const when = changedAt.slice(0, 16).replace('T', ' ');
    return `${runName.padEnd(width)}  ${when}  ${state.padEnd(7)}  ${(stage ?? '').padEnd(10)}${selected}`.trimEnd();
  });
}

/** `tive compare`: how two runs agree. */
export function compareCommand() {
  const compared = new Command('compare')
    .description('compare two runs: rows that both selected, order of their values, mixtures')
    .argument('<run>', 'name of a run, or its folder')
    .argument('<other>', 'name of the other');
  return withPlaces(compared)
    .option('--json', 'as JSON')
    .action(async (run, other, { runs, json, ...asked }) => {
      const { compareRuns } = await import('../runs/compare-runs.ts');
      const [left, right] = [await namedRun(run, runs), await namedRun(other, runs)];
      const found = await compareRuns(await resultOf(left, asked), await resultOf(right, asked));
      print(found, json, () => describeComparison(found, left.runName, right.runName));
    });
}

function describeComparison(found: RunComparison, left: string, right: string): string[] {
  const { selectedCounts, sharedCount, jaccard, instanceValueTau, taskValueTau, commonRowCount, mixtures } = found;
  const width = Math.max(4, ...mixtures.map(({ task }) => printable(task).length));
  const tau = (value: number | null): string => (value === null ? 'none: too few' : value.toFixed(3));
  return [
    `selected      ${grouped(selectedCounts[0])} by ${left}, ${grouped(selectedCounts[1])} by ${right}, ${grouped(sharedCount)} by both`,
    `Jaccard       ${jaccard.toFixed(3)}`,
    `Kendall's τ   ${tau(instanceValueTau)} of ${grouped(commonRowCount)} common rows' values, ${tau(taskValueTau)} of task values`,
    '',
    `${'task'.padEnd(width)}  ${left.padStart(10)}  ${right.padStart(10)}`,
    ...mixtures.map(
      ({ task, shares: [one, two] }) =>
        `${printable(task).padEnd(width)}  ${percent(one).padStart(Math.max(10, left.length))}  ${percent(two).padStart(Math.max(10, right.length))}`,
    ),
  ];
}

/** `tive show`: one row as a run sees it. */
export function showCommand() {
  const shown = new Command('show')
    .description('show one row of a run: dialogue, pictures, values, nearest rows')
    .argument('<run>', 'name of the run, or its folder')
    .argument('<row>', 'row index, as reports and tables give it', parseRowIndex);
  return withPlaces(shown)
    .option('--json', 'as JSON')
    .action(async (run, row, { runs, json, ...asked }) => {
      const { showRow } = await import('../runs/show-row.ts');
      const named = await namedRun(run, runs);
      const found = await showRow(await resultOf(named, asked), row);
      print(found, json, () => describeRow(found));
    });
}

function framesOf(files: readonly string[]): string {
  return files.length === 1 ? '' : ` and ${grouped(files.length - 1)} frames more`;
}

function describeRow(row: ShownRow): string[] {
  const { values, nearest } = row;
  return [
    `row ${grouped(row.rowIndex)}  ${printable(row.task ?? 'no task')}  ${outcomeOf(row)}`,
    `source        ${printable(relative(process.cwd(), row.source) || row.source)}, bytes ${row.byteStart} to ${row.byteEnd}`,
    `id            ${printable(row.id ?? 'none')}`,
    `content       sha256 ${row.contentHash}`,
    `tokens        ${grouped(row.tokenCount)}, ${grouped(row.supervisedTokenCount)} of them learnt`,
    ...row.images.map((image) => `picture       ${printable(image)}`),
    ...row.clips.map(({ kind, files }) => `${kind}         ${printable(files[0]!)}${framesOf(files)}`),
    ...(values === null
      ? []
      : [
          `value         ${grouped(values.rank)}. of ${grouped(values.taskRowCount)} in its task: mean of cosines ${values.meanOfCosines.toFixed(4)}, ` +
            `cosine to mean ${values.cosineToMean.toFixed(4)}`,
          `at the model  loss ${values.loss.toFixed(4)} (−ln of an answer token’s probability, averaged), gradient norm ${values.gradientNorm.toPrecision(4)}`,
          `              EL2N ${values.el2n.toFixed(4)} (how far predicted answer tokens are from the true ones: 0 none, 1.41 sure and wrong)`,
        ]),
    ...nearest.map(
      ({ rowIndex, task, cosine }, index) =>
        `${index === 0 ? 'nearest' : ''}`.padEnd(14) +
        `row ${grouped(rowIndex)}  ${printable(task)}  cosine ${cosine.toFixed(4)}`,
    ),
    ...row.turns.flatMap(({ role, value }) => [
      '',
      `${role}:`,
      ...value.split('\n').map((line) => `  ${printable(line)}`),
    ]),
  ];
}

function outcomeOf({ reason, copies, isExcluded }: ShownRow): string {
  if (reason !== null) return `set aside: ${reason}`;
  if (isExcluded) return 'left out by dataset.exclude_rows';
  return copies > 0 ? `selected, ${grouped(copies)} ×` : 'not selected';
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function parseRowIndex(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`must be a row index, got "${text}"`);
}
