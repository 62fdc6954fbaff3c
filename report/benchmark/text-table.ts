// The scores of a benchmark as lines for a terminal.
import type { BenchmarkSummary, BenchmarkTable, MethodScores } from '../../contracts/benchmark-summary.ts';
import { points, pointsInterval, share } from '../format.ts';
import { pText } from './benchmark-verdict.ts';

/** One table a budget and length: mean ± sd, difference to the baseline with its interval, adjusted p. */
export function benchmarkLines({ tables, baseline, seeds }: BenchmarkSummary): string[] {
  return tables.flatMap((table) => ['', ...tableLines(table, baseline, seeds.length)]);
}

function tableLines({ budget, length, methods }: BenchmarkTable, baseline: string | null, seedCount: number): string[] {
  const title = `${budget === null ? 'scores' : `${share(budget)} of the rows`}, equal ${length}, ${seedCount} ${seedCount === 1 ? 'seed' : 'seeds'}`;
  const rows = [
    ['method', 'accuracy', `minus ${baseline ?? 'baseline'}`, '95 % interval', 'adjusted p'],
    ...methods.toSorted((left, right) => right.accuracy.mean - left.accuracy.mean).map(cellsOf),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const padded = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return [title, ...rows.map((row) => row.map(padded).join('  ').trimEnd())];
}

function cellsOf({ method, accuracy: { mean, deviation }, difference }: MethodScores): string[] {
  const interval = difference?.interval ?? null;
  const adjustedP = difference?.adjustedP ?? null;
  const spread = deviation === null ? '' : ` ± ${(100 * deviation).toFixed(1)}`;
  return [
    method,
    `${(100 * mean).toFixed(1)} %${spread}`,
    difference === null ? '' : points(difference.mean),
    interval === null ? '' : pointsInterval(interval),
    adjustedP === null ? '' : pText(adjustedP),
  ];
}
