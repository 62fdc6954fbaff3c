// `tive plan`: what a run would do.
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type { PlannedStage, RunPlan } from '../../contracts/plan.ts';
import { STAGES } from '../../contracts/stages.ts';
import type { Stage } from '../../contracts/stages.ts';
import type { Config } from '../../contracts/config.ts';
import { followedKeys, scheduleWords } from '../../contracts/training-words.ts';
import { durationText, grouped, print, printable } from '../terminal/terminal-text.ts';

export function planCommand() {
  return new Command('plan')
    .description('what a run would do: rows, tokens, disk, memory, time, what is cached; starts nothing')
    .argument('<recipe>', 'recipe file')
    .argument('[settings...]', 'key.path=value, which win over the recipe')
    .addOption(new Option('--until <stage>', 'last stage of the run').choices(STAGES))
    .option('--processes <count>', 'compute processes of the run', parseCount)
    .option('--no-probe', 'no gradients of eight rows, hence no times')
    .option('--json', 'as JSON')
    .option('--quiet', 'say nothing but the plan')
    .action((recipe, overrides, { probe, json, quiet, processes = null, until = 'report' }) =>
      printPlan(recipe, overrides, { probe, until, processes, json: json === true, quiet: quiet === true }),
    );
}

interface PlanOptions {
  probe: boolean;
  json: boolean;
  quiet: boolean;
  until: Stage;
  /** Compute processes of the run; null as it takes them. */
  processes: number | null;
}

/** Plans a recipe and prints it. */
export async function printPlan(
  recipe: string,
  overrides: string[],
  { probe, json, quiet, until, processes }: PlanOptions,
): Promise<void> {
  const { loadRecipe } = await import('../recipe/recipe.ts');
  const { planInProcess } = await import('../runs/plan-in-process.ts');
  const { config, runName, notes } = loadRecipe(recipe, { overrides });
  const say = (text: string): void => void process.stderr.write(quiet ? '' : `${text}\n`);
  const planned = await planInProcess({ config, withProbe: probe, until, processCount: processes }, say);
  const plan = { ...planned, warnings: [...notes, ...planned.warnings] };
  print({ runName, ...plan }, json, () => planLines(runName, plan, config));
}

/** The plan as a person reads it. */
export function planLines(runName: string, plan: RunPlan, config: Config): string[] {
  const { memory, probe, quotas, warnings } = plan;
  const about = plan.isCounted ? '' : 'about ';
  const reasons = Object.entries(plan.sampledReasons).map(([reason, rows]) => `${reason} ${grouped(rows)}`);
  const free = memory.freeBytes === null ? '' : `, ${bytes(memory.freeBytes)} free in the store`;
  return [
    `run ${runName}: ${grouped(plan.rowCount)} rows, ${about}${grouped(plan.usableCount)} usable, ${about}${grouped(plan.tokenCount)} tokens`,
    ...(reasons.length === 0 ? [] : [`in a sample of the rows: ${reasons.join(', ')}`]),
    `model: ${grouped(memory.parameterCount)} parameters, ${bytes(memory.weightBytes)} in float32; ${bytes(memory.hostBytes)} of memory a process${free}`,
    ...memoryLines(memory),
    probe === null
      ? 'no probe: times are not known'
      : `probe: ${grouped(probe.rowCount)} rows of ${grouped(probe.tokenCount)} tokens on ${probe.engine}, one process: ` +
        `${short(1 / probe.secondsPerToken)} tokens/s${probe.secondsPerImage > 0 ? `, ${short(1 / probe.secondsPerImage)} pictures/s` : ''}`,
    '',
    ...table(plan.stages),
    ...totalLines(plan.total),
    ...shardLines(plan.stages),
    ...scheduleLines(plan.stages, config),
    ...(quotas === null ? [] : ['', ...quotaLines(quotas)]),
    ...copiesLines(plan.copies),
    ...plan.checks.map((text) => `check: ${text}`),
    ...warnings.map((text) => `warning: ${text}`),
  ];
}

/** What each kind of work needs of a process, and what was picked so that it fits. */
function memoryLines({ tokenBudget, isPicked, batch, works }: RunPlan['memory']): string[] {
  const picked = isPicked ? ' (auto)' : '';
  const rows = `${grouped(batch.rowCount)} ${batch.rowCount === 1 ? 'row' : 'rows'} of ${grouped(batch.tokenCount)}`;
  return [
    `micro-batches: up to ${grouped(tokenBudget)} padded tokens${picked}, ${rows} at most`,
    ...works.map(({ work, totalBytes, bytes: kinds, recomputedLayerCount, layerCount }) => {
      const shown = Object.entries(kinds).filter(([, count]) => count >= LEAST_SHOWN_BYTES);
      const again =
        recomputedLayerCount === 0 ? '' : `; ${recomputedLayerCount} of ${layerCount} layers computed twice`;
      const words = shown.sort(([, left], [, right]) => right - left).map(([kind, count]) => `${kind} ${bytes(count)}`);
      return `${work}: ${bytes(totalBytes)} a process: ${words.join(', ')}${again}`;
    }),
  ];
}

/** Kinds of memory below this are not worth a word. */
const LEAST_SHOWN_BYTES = 10e6;

function shardLines(stages: readonly PlannedStage[]): string[] {
  const isShown = stages.some(({ unit }) => unit === 'shards');
  return isShown ? ['shard: rows whose gradients are taken together, and again where a process dies'] : [];
}

function totalLines(total: RunPlan['total']): string[] {
  if (total === null) return [];
  const { processCount, seconds, secondsOnOne } = total;
  const several = processCount === 1 ? '' : `, about ${durationText(seconds)} on ${processCount}`;
  return [
    `in all about ${durationText(secondsOnOne)} on one process${several}; values, draws and the report take seconds beside`,
  ];
}

/** How the models are trained, and what of it the recipe leaves to the rows. */
function scheduleLines(stages: readonly PlannedStage[], { warmup, finetune }: Config): string[] {
  const lines = stages.flatMap(({ stage, schedule }) => {
    if (schedule === null) return [];
    const followed = followedKeys(stage === 'warmup' ? warmup : finetune);
    return [`${stage}: ${scheduleWords(schedule)}${followed === '' ? '' : `; ${followed} by the number of rows`}`];
  });
  return lines.length === 0 ? [] : ['', ...lines];
}

function table(stages: readonly PlannedStage[]): string[] {
  const rows = [
    ['stage', 'rows', 'parts', 'disk', 'time on one process'],
    ...stages.map(({ stage, isCached, rowCount, partCount, unit, diskBytes, seconds }) => [
      stage,
      rowCount === null ? '' : grouped(rowCount),
      partCount === null ? '' : `${grouped(partCount)} ${unit}`,
      diskBytes === null ? '' : bytes(diskBytes),
      isCached ? 'cached' : seconds === null ? '' : durationText(seconds),
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

function quotaLines(quotas: NonNullable<RunPlan['quotas']>): string[] {
  const width = Math.max(4, ...quotas.map(({ task }) => printable(task).length));
  return [
    `${'task'.padEnd(width)}       rows    quota`,
    ...quotas.map(
      ({ task, rows, quota }) =>
        `${printable(task).padEnd(width)}  ${grouped(rows).padStart(9)}${grouped(quota).padStart(9)}`,
    ),
  ];
}

/** How many rows come again with changed pictures, at most. */
function copiesLines(copies: RunPlan['copies']): string[] {
  if (copies === undefined) return [];
  const { mostCount, taskCount } = copies;
  const of =
    taskCount === null
      ? ', the budget; fewer are known when the tasks are valued'
      : ` of ${grouped(taskCount)} ${taskCount === 1 ? 'task' : 'tasks'}`;
  return [`copies with changed pictures: at most ${grouped(mostCount)}${of}`];
}

/** Of an option that is a number of things. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`must be a whole number above 0, got "${text}"`);
}

function short(value: number): string {
  return grouped(Number(value.toPrecision(3)));
}

function bytes(value: number): string {
  const units: [number, string][] = [
    [1e12, "TB"],
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"],
  ]; // oxfmt-ignore
  const found = units.find(([size]) => value >= size);
  return found === undefined ? `${value} bytes` : `${(value / found[0]).toFixed(1)} ${found[1]}`;
}
