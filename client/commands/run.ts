// `tive run` and `tive demo`.
import { join, relative } from 'node:path';
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type { OptionValues } from '@commander-js/extra-typings';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { STAGES } from '../../contracts/stages.ts';
import { benchmarkRecipe } from './benchmark.ts';
import { besidePage } from './ui.ts';
import { HEARTBEAT_TIMEOUT_SECONDS, warningLines } from './run-options.ts';
import { parseCount, printPlan } from './plan.ts';
import type { ExecutedRun } from '../runs/execute-run.ts';
import type { LoadedRecipe } from '../recipe/recipe.ts';
import { QUARANTINE_FILE, openRunFolder } from '../runs/run-folder.ts';
import { hint } from '../terminal/own-command.ts';
import { grouped } from '../terminal/terminal-text.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { EXIT } from '../terminal/outcome.ts';

/** `tive run`: starts or resumes a recipe. */
export function runCommand() {
  return withRunOptions(new Command('run'))
    .description('run a recipe, or go on with it: the same recipe is the same run')
    .argument('<recipe>', 'recipe file, or a run’s manifest.json')
    .argument('[settings...]', 'key.path=value, which win over the recipe')
    .option('--limit <rows>', 'first rows only: a number, or a share such as 0.01', parseLimit)
    .option(
      '--incremental',
      'keep the reference model and gradients of the last such run, as far as its rows are there',
    )
    .option('--on-change', 'run incrementally now, and again whenever the dataset’s files change, until stopped')
    .option('--dry-run', 'what the run would do, as tive plan says it; starts nothing')
    .option('--detach', 'start on a cluster and return at once')
    .option('--fresh', 'compute everything anew, in a store of its own below the recipe’s')
    .option('--yes', 'approve of the quotas in advance, where the recipe asks for an approval')
    .option('--seeds <count>', 'as many seeds, compared: tive benchmark with the recipe’s own methods', parseCount)
    .action(async (recipe, overrides, options) => {
      const { address = null, limit, detach = false } = options;
      if (options.seeds !== undefined) {
        refuseBesideSeeds(options);
        const own = [`benchmark.seeds=${options.seeds}`, 'benchmark.methods=null', 'benchmark.budgets=null'];
        process.exitCode = await benchmarkRecipe(recipe, [...overrides, ...own], options);
        return;
      }
      if (options.dryRun === true)
        return printPlan(recipe, overrides, {
          probe: true,
          json: false,
          quiet: options.quiet === true,
          until: options.until ?? 'report',
          processes: options.processes ?? null,
        });
      if (detach && address === null) {
        throw new InvalidConfigError('--detach: needs --address, got none; the embedded server ends with the command');
      }
      const { loadRecipe } = await import('../recipe/recipe.ts');
      const checks = { checksFiles: address === null };
      const whole = loadRecipe(recipe, { overrides, ...checks });
      // Part of the recipe, so that a part of the rows is a run of its own.
      const loaded =
        limit === undefined
          ? whole
          : loadRecipe(recipe, {
              overrides: [...overrides, `dataset.max_rows=${await limitRows(whole, limit)}`],
              ...checks,
            });
      if (options.quiet !== true) for (const note of loaded.notes) process.stderr.write(`warning: ${note}\n`);
      const freshUri = options.fresh === true ? `${loaded.config.store.uri}/fresh-${Date.now()}` : null;
      if (freshUri !== null) loaded.config.store.uri = freshUri;
      if (options.yes === true) loaded.config.allocation.approval = 'none';
      const store = freshUri === null ? [] : [`store.uri=${freshUri}`];
      const resumeCommand = hint('run', recipe, ...overrides, ...store, ...optionWords(options));
      const source = { resumeCommand, recipe };
      process.exitCode = await besidePage(options.open === true, loaded.config.run.outputDir, async () =>
        options.onChange === true
          ? runOnChange(loaded, options, source)
          : conclude(await execute(loaded, { ...options, detach }, source), loaded),
      );
    });
}

/** @throws InvalidConfigError for options of a run that many runs cannot follow */
function refuseBesideSeeds(options: { [Name in (typeof WITHOUT_SEEDS)[number]]?: unknown }): void {
  const name = WITHOUT_SEEDS.find((one) => options[one] !== undefined);
  if (name === undefined) return;
  const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw new InvalidConfigError(`--seeds: must stand without ${flag}, got both; leave one of them out`);
}

const WITHOUT_SEEDS = [
  'incremental',
  'onChange',
  'dryRun',
  'detach',
  'fresh',
  'limit',
  'until',
  'repair',
  'open',
] as const;

/** Runs now and after every change of the dataset, each time from what the last run has kept. */
async function runOnChange(loaded: LoadedRecipe, options: RunOptions, source: RecipeSource): Promise<number> {
  const { watchDataset } = await import('../runs/watch.ts');
  const interrupt = interruptible(() => undefined);
  const watch = { pollMs: WATCH_POLL_MS, quietMs: WATCH_QUIET_MS, signal: interrupt.signal };
  await watchDataset(loaded.config.dataset, watch, async () => {
    conclude(await execute(loaded, { ...options, incremental: true }, source), loaded);
    const waits = !interrupt.signal.aborted && options.quiet !== true;
    if (waits) process.stderr.write('waiting for a change; Ctrl-C to stop\n');
  });
  return EXIT.interrupted;
}

/** `tive demo`: the preset `demo`, on the bundled pictures and model. */
export function demoCommand() {
  return withRunOptions(new Command('demo'))
    .description('a whole run on bundled pictures and a bundled model, in minutes, no download')
    .argument('[settings...]', 'key.path=value')
    .action(async (overrides, options) => {
      const { loadPreset } = await import('../recipe/recipe.ts');
      const loaded = loadPreset('demo', { overrides });
      const resumeCommand = hint('demo', ...overrides, ...optionWords(options));
      process.exitCode = await besidePage(options.open === true, loaded.config.run.outputDir, async () =>
        conclude(await execute(loaded, options, { resumeCommand, recipe: null }), loaded),
      );
    });
}

function withRunOptions<Args extends unknown[], Options extends OptionValues>(command: Command<Args, Options>) {
  return command
    .addOption(new Option('--until <stage>', 'last stage to run').choices(STAGES))
    .option('--address <host:port>', 'Temporal server of a cluster; without it an embedded one is started')
    .option('--namespace <name>', 'Temporal namespace of the cluster')
    .option('--processes <count>', 'compute processes of the embedded runtime', parseCount)
    .option('--heartbeat-timeout <seconds>', 'a compute process that is silent for so long is given up', parseCount)
    .option('--ui', 'serve Temporal’s own pages beside the embedded server')
    .option('--open', 'serve the page over the runs while this one is at work, and open it in the browser')
    .option('--repair', 'set damaged artifacts of the store aside and make them again, without asking')
    .option('--quiet', 'no progress, only results and errors');
}

interface RunOptions {
  until?: (typeof STAGES)[number] | undefined;
  address?: string | undefined;
  namespace?: string | undefined;
  processes?: number | undefined;
  heartbeatTimeout?: number | undefined;
  ui?: true | undefined;
  open?: true | undefined;
  repair?: true | undefined;
  quiet?: true | undefined;
  incremental?: true | undefined;
  onChange?: true | undefined;
  detach?: boolean | undefined;
}

/** Where a recipe came from. */
interface RecipeSource {
  /** Command that resumes the run. */
  resumeCommand: string;
  /** File, or null for a preset. */
  recipe: string | null;
}

/** How often the dataset is looked at, and how long a change must have come to rest. */
const WATCH_POLL_MS = 2000;
const WATCH_QUIET_MS = 3000;

async function execute(
  { runName, config }: LoadedRecipe,
  options: RunOptions,
  { resumeCommand, recipe }: RecipeSource,
): Promise<ExecutedRun> {
  const { executeRun } = await import('../runs/execute-run.ts');
  return executeRun({
    runName,
    config,
    until: options.until ?? 'report',
    address: options.address ?? null,
    namespace: options.namespace ?? null,
    incremental: options.incremental ?? false,
    detach: options.detach ?? false,
    withUi: options.ui ?? false,
    processCount: options.processes ?? null,
    heartbeatTimeoutMs: 1000 * (options.heartbeatTimeout ?? HEARTBEAT_TIMEOUT_SECONDS),
    resumeCommand,
    recipeFile: recipe,
    isTerminal: process.stderr.isTTY === true && !process.env['CI'],
    quiet: options.quiet ?? false,
    repair: options.repair ?? false,
  });
}

/** Prints what the run has found. */
function conclude({ exitCode, result, reportPath }: ExecutedRun, { runName, config }: LoadedRecipe): number {
  if (result === null) return exitCode;
  const list = join(openRunFolder(config.run.outputDir, runName).path, QUARANTINE_FILE);
  const quarantined = [...(result.dataset?.quarantined ?? []), ...(result.gradients?.quarantined ?? [])];
  const asideCount = quarantined.reduce((sum, { count }) => sum + count, 0);
  for (const line of warningLines(result.warnings)) process.stderr.write(`${line}\n`);
  const selection = result.methods[0]?.selection ?? null;
  const lines = [
    ...(result.report?.verdict ?? [doneUntil(result)]),
    ...(asideCount === 0 ? [] : [`${grouped(asideCount)} rows were set aside: ${relative(process.cwd(), list)}`]),
    ...(reportPath === null ? [] : ['', `report: ${relative(process.cwd(), reportPath)}`]),
    ...(selection === null ? [] : [`subset: ${hint('export', runName, '--to', 'llava')}`]),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return EXIT.done;
}

function doneUntil({ runName, stages }: RunResult): string {
  const last = stages.findLast(({ state }) => state === 'done' || state === 'cached');
  return `run ${runName} is done until ${last?.stage ?? 'no stage'}: ${last?.detail ?? ''}`;
}

/** The options that a resumed run needs again. */
function optionWords(options: RunOptions & { limit?: number | undefined; yes?: true | undefined }): string[] {
  const words = {
    '--until': options.until,
    '--limit': options.limit,
    '--address': options.address,
    '--namespace': options.namespace,
    '--processes': options.processes,
    '--heartbeat-timeout': options.heartbeatTimeout,
  };
  const valued = Object.entries(words).flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
  const flags = {
    '--incremental': options.incremental,
    '--on-change': options.onChange,
    '--ui': options.ui,
    '--open': options.open,
    '--yes': options.yes,
    '--repair': options.repair,
    '--quiet': options.quiet,
  };
  return [...valued, ...Object.entries(flags).flatMap(([name, isSet]) => (isSet === true ? [name] : []))];
}

function parseLimit(text: string): number {
  const value = Number(text);
  if ((Number.isInteger(value) && value > 0) || (value > 0 && value < 1)) return value;
  throw new InvalidArgumentError(`must be a number of rows or a share in (0, 1), got "${text}"`);
}

async function limitRows({ config }: LoadedRecipe, limit: number): Promise<number> {
  const { countDatasetRows } = await import('../data/count-rows.ts');
  return limit < 1 ? Math.max(1, Math.round(limit * (await countDatasetRows(config.dataset)))) : limit;
}
