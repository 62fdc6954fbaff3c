// What a benchmark has shown, in sentences that say no more than the intervals allow.
import type {
  BenchmarkSummary,
  BenchmarkTable,
  MethodScores,
  PairedDifference,
} from '../../contracts/benchmark-summary.ts';
import { count, number, percent, points, pointsInterval, share } from '../format.ts';
import { methodName } from '../method-names.ts';

/** Level at which an adjusted p-value counts. */
const LEVEL = 0.05;
/** Below so many seeds the width of an interval is itself hardly known. */
const FEW_SEEDS = 10;
/** Of more methods a table's sentences are one for the recipe's own, and one for all others. */
const MOST_SENTENCES = 4;

/** What a difference has shown. */
export type DifferenceOutcome = 'ahead' | 'behind' | 'undecided' | 'not_measured';

/** Ahead or behind only where the 95 % interval leaves out 0 and the adjusted p-value is below 0.05. */
export function outcomeOfDifference(difference: PairedDifference | null): DifferenceOutcome {
  if (difference === null || difference.interval === null || difference.adjustedP === null) return 'not_measured';
  const [low, high] = difference.interval;
  if ((low <= 0 && high >= 0) || difference.adjustedP >= LEVEL) return 'undecided';
  return difference.mean > 0 ? 'ahead' : 'behind';
}

/** The recipe's own method first, then the others, table by table, then what the numbers do not cover. */
export function benchmarkVerdict(summary: BenchmarkSummary): string[] {
  const own = summary.config.selection.method;
  const sentences = summary.tables.flatMap((table) => {
    const compared = table.methods
      .filter(({ method }) => method !== summary.baseline)
      .toSorted((left, right) => Number(right.method === own) - Number(left.method === own));
    const told = compared.length > MOST_SENTENCES ? compared.slice(0, 1) : compared;
    const rest = compared.slice(told.length);
    return [
      ...told.map((scores) => differenceSentence(summary, table, scores)),
      ...(rest.length === 0 ? [] : [restSentence(rest, table, summary)]),
    ];
  });
  const nothing = summary.tables.every(({ methods }) => methods.every(({ accuracy }) => accuracy.mean === 0));
  return [
    ...(nothing
      ? ['No model gets a single test row right, so these numbers say nothing about the choice of rows.']
      : []),
    ...(sentences.length === 0 ? baselineAlone(summary) : sentences),
    coverage(summary),
  ];
}

function baselineAlone({ tables, seeds }: BenchmarkSummary): string[] {
  return tables.flatMap((table) =>
    table.methods.map(
      ({ method, accuracy }) =>
        `${capital(methodName(method))} reached ${percent(accuracy.mean)} ${spreadText(accuracy.deviation)}over ${seedsText(seeds)}${placeText(table, tables)}.`,
    ),
  );
}

function differenceSentence(
  { baseline, seeds, tables }: BenchmarkSummary,
  table: BenchmarkTable,
  { method, accuracy, difference }: MethodScores,
): string {
  const reached = `${capital(methodName(method))} reached ${percent(accuracy.mean)} ${spreadText(accuracy.deviation)}over ${seedsText(seeds)}${placeText(table, tables)}`;
  if (baseline === null || difference === null)
    return `${reached}; no random choice is beside it, so this does not show whether the choice of rows matters.`;
  const other = table.methods.find((one) => one.method === baseline)!;
  const against = `the ${methodName(baseline)} ${percent(other.accuracy.mean)}`;
  if (difference.interval === null) return `${reached}, ${against}: one seed does not show whether they differ.`;
  const numbers = `${points(difference.mean)} points, 95\u00a0% ${pointsInterval(difference.interval)}, adjusted p ${pText(difference.adjustedP!)}`;
  return `${reached}, ${against} (${numbers}): ${conclusion(difference)}.`;
}

/** What was shown of many methods, by name. */
function restSentence(
  rest: readonly MethodScores[],
  table: BenchmarkTable,
  { baseline, tables }: BenchmarkSummary,
): string {
  const of = (outcome: DifferenceOutcome): string => {
    const names = rest
      .filter(({ difference }) => outcomeOfDifference(difference) === outcome)
      .map(({ method }) => method);
    return names.length === 0 ? 'none' : names.join(', ');
  };
  const against = baseline === null ? 'no random choice is beside them' : `against the ${methodName(baseline)}`;
  return (
    `Of the other ${count(rest.length)} methods${placeText(table, tables)}, ${against}: ` +
    `better: ${of('ahead')}; worse: ${of('behind')}; no difference shown: ${of('undecided')}.`
  );
}

function conclusion(difference: PairedDifference): string {
  const outcome = outcomeOfDifference(difference);
  if (outcome === 'ahead') return 'it was better here';
  if (outcome === 'behind') return 'it was worse here';
  const [low, high] = difference.interval!;
  if (low === 0 && high === 0) return 'the scores are the same in every seed';
  if (low > 0 || high < 0) return 'not shown, once adjusted for all methods that were compared';
  return `no difference could be shown; it is not more than ${pointsOf(high)} points better and not more than ${pointsOf(-low)} worse`;
}

/** Rounded up: a bound that is said must hold. */
function pointsOf(difference: number): string {
  return (Math.ceil(1000 * Math.max(0, difference)) / 10).toFixed(1);
}

function placeText({ budget, length }: BenchmarkTable, tables: readonly BenchmarkTable[]): string {
  const lengths = new Set(tables.map((table) => table.length));
  const at = budget === null ? '' : ` at ${share(budget)} of the rows`;
  return lengths.size > 1 ? `${at}, equal ${length}` : at;
}

function spreadText(deviation: number | null): string {
  return deviation === null ? '' : `± ${(100 * deviation).toFixed(1)} `;
}

function seedsText(seeds: readonly number[]): string {
  return seeds.length === 1 ? 'one seed' : `${count(seeds.length)} seeds`;
}

export function pText(pValue: number): string {
  return pValue < 0.001 ? '<\u00a00.001' : number(pValue);
}

function coverage({ seeds, config: { benchmark }, testRowCount }: BenchmarkSummary): string {
  const covered =
    benchmark.reference === 'shared'
      ? 'drawing and training; the reference model is the same in all'
      : 'reference model, drawing and training';
  const few =
    seeds.length < FEW_SEEDS ? ` Fewer than ${FEW_SEEDS} seeds leave the intervals themselves uncertain.` : '';
  return `± is the standard deviation over seeds. A seed fixes ${covered}. The base model and the ${count(testRowCount)} test rows are the same throughout, so nothing is said of others.${few}`;
}

function capital(text: string): string {
  return text.startsWith('tive') ? text : `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
