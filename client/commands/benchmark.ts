// `tive benchmark`: methods compared over seeds and budgets.
import { relative } from 'node:path';
import { Command } from '@commander-js/extra-typings';
import type { BenchmarkResult } from '../../contracts/messages/benchmark.ts';
import { hint } from '../terminal/own-command.ts';
import { parseCount } from './plan.ts';
import { HEARTBEAT_TIMEOUT_SECONDS, warningLines } from './run-options.ts';

export function benchmarkCommand() {
  return new Command('benchmark')
    .description('compare methods over seeds and budgets: is the choice better than a random one?')
    .argument('<recipe>', 'recipe file')
    .argument('[settings...]', 'key.path=value, which win over the recipe')
    .option('--methods <names>', 'methods to compare, with commas between them', commaList)
    .option('--budgets <shares>', 'shares of the rows to select, with commas between them: 0.05,0.15', commaList)
    .option('--seeds <count>', 'number of seeds, from run.seed on', parseCount)
    .option('--address <host:port>', 'Temporal server of a cluster; without it an embedded one is started')
    .option('--namespace <name>', 'Temporal namespace of the cluster')
    .option('--processes <count>', 'compute processes of the embedded runtime', parseCount)
    .option('--heartbeat-timeout <seconds>', 'a compute process that is silent for so long is given up', parseCount)
    .option('--ui', 'serve Temporal’s own pages beside the embedded server')
    .option('--quiet', 'no progress, only results and errors')
    .action(async (recipe, overrides, { methods, budgets, seeds, ...options }) => {
      const settings = [
        ...overrides,
        ...(methods === undefined ? [] : [`benchmark.methods=[${methods.join(', ')}]`]),
        ...(budgets === undefined ? [] : [`benchmark.budgets=[${budgets.join(', ')}]`]),
        ...(seeds === undefined ? [] : [`benchmark.seeds=${seeds}`]),
      ];
      process.exitCode = await benchmarkRecipe(recipe, settings, options);
    });
}

/** Options of the command line that a benchmark follows. */
export interface BenchmarkFlags {
  address?: string | undefined;
  namespace?: string | undefined;
  processes?: number | undefined;
  heartbeatTimeout?: number | undefined;
  ui?: true | undefined;
  quiet?: true | undefined;
}

/** Runs the benchmark of a recipe and prints what it has shown. @returns the exit code */
export async function benchmarkRecipe(recipe: string, settings: string[], flags: BenchmarkFlags): Promise<number> {
  const { loadRecipe } = await import('../recipe/recipe.ts');
  const { benchmarkNameOf, executeBenchmark } = await import('../runs/execute-benchmark.ts');
  const { address = null } = flags;
  const loaded = loadRecipe(recipe, { overrides: settings, checksFiles: address === null });
  if (flags.quiet !== true) for (const note of loaded.notes) process.stderr.write(`warning: ${note}\n`);
  const { exitCode, result, pagePath } = await executeBenchmark({
    runName: benchmarkNameOf(loaded.runName),
    config: loaded.config,
    address,
    namespace: flags.namespace ?? null,
    withUi: flags.ui ?? false,
    processCount: flags.processes ?? null,
    heartbeatTimeoutMs: 1000 * (flags.heartbeatTimeout ?? HEARTBEAT_TIMEOUT_SECONDS),
    resumeCommand: hint('benchmark', recipe, ...settings, ...flagWords(flags)),
    recipeFile: recipe,
    isTerminal: process.stderr.isTTY === true && !process.env['CI'],
    quiet: flags.quiet ?? false,
  });
  if (result === null) return exitCode;
  for (const line of warningLines(result.warnings)) process.stderr.write(`${line}\n`);
  const page =
    pagePath === null
      ? []
      : ['', `page: ${relative(process.cwd(), pagePath)}`, 'tables: results.parquet and benchmark.json beside it'];
  const { lines, ldsLines } = result;
  const told = ldsLines === undefined ? [] : ['', ...ldsLines];
  process.stdout.write(`${[...lines.slice(1), '', ...shownSentences(result), ...told, ...page].join('\n')}\n`);
  return exitCode;
}

/** The sentences of a single table; of several the table says it, and the page has them all. */
function shownSentences({ verdict, lines }: BenchmarkResult): string[] {
  return lines.filter((line) => line === '').length > 1 ? verdict.slice(-1) : verdict;
}

/** What is needed again to go on. */
function flagWords({ address, namespace, processes, heartbeatTimeout }: BenchmarkFlags): string[] {
  const words = {
    '--address': address,
    '--namespace': namespace,
    '--processes': processes,
    '--heartbeat-timeout': heartbeatTimeout,
  };
  return Object.entries(words).flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
}

function commaList(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}
