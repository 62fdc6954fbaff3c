// The scores of a benchmark as lines for a terminal.
import type { BenchmarkSummary, BenchmarkTable, MethodScores, ScoreSpread } from '../../contracts/benchmark-summary.ts';
import { points, pointsInterval, share } from '../format.ts';
import { pText } from './benchmark-verdict.ts';

/** One table a budget and length: mean ± sd, difference to the baseline with its interval, adjusted p. */
export function benchmarkLines({ tables, baseline, seeds }: BenchmarkSummary): string[] {
  return tables.flatMap((table) => ['', ...tableLines(table, baseline, seeds.length)]);
}

function tableLines({ budget, length, methods }: BenchmarkTable, baseline: string | null, seedCount: number): string[] {
  const isGenerated = methods.some(({ generated }) => generated !== undefined);
  const title = `${budget === null ? 'scores' : `${share(budget)} of the rows`}, equal ${length}, ${seedCount} ${seedCount === 1 ? 'seed' : 'seeds'}`;
  const rows = [
    [
      ...['method', 'accuracy', `minus ${baseline ?? 'baseline'}`, '95 % interval', 'adjusted p'],
      ...(isGenerated ? ['generated accuracy'] : []),
    ],
    ...methods
      .toSorted((left, right) => right.accuracy.mean - left.accuracy.mean)
      .map((scores) => [...cellsOf(scores), ...(isGenerated ? [generatedCell(scores)] : [])]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const padded = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return [title, ...rows.map((row) => row.map(padded).join('  ').trimEnd())];
}

function generatedCell({ generated }: MethodScores): string {
  return generated === undefined ? '' : spreadText(generated.accuracy);
}

function spreadText({ mean, deviation }: ScoreSpread): string {
  return `${(100 * mean).toFixed(1)} %${deviation === null ? '' : ` ± ${(100 * deviation).toFixed(1)}`}`;
}

function cellsOf({ method, accuracy, difference }: MethodScores): string[] {
  const interval = difference?.interval ?? null;
  const adjustedP = difference?.adjustedP ?? null;
  return [
    method,
    spreadText(accuracy),
    difference === null ? '' : points(difference.mean),
    interval === null ? '' : pointsInterval(interval),
    adjustedP === null ? '' : pText(adjustedP),
  ];
}
