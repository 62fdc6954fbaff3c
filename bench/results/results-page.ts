// The document of all results: a table for each setting, and what may be said of a default.
import { pairedDifference, spread } from '../../algorithms/compare-methods.ts';
import { holmAdjusted } from '../../algorithms/paired-tests.ts';
import type { PairedDifference, ScoreSpread } from '../../contracts/benchmark-summary.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import { overallDifference } from './over-settings.ts';
import { chooseRobust, pairsIn } from './robust-choice.ts';
import type { RobustChoice } from './robust-choice.ts';
import { scoresOf } from './scores.ts';
import type { Score } from './scores.ts';
import { BASELINE, DATASETS, SETTINGS, settingName } from './settings.ts';
import type { Setting } from './settings.ts';

/** Markdown of all that was measured. */
export function resultsPage(scores: readonly Score[], methods: readonly SelectionMethod[]): string {
  const tables = SETTINGS.flatMap((setting) => settingTable(scoresOf(scores, setting), setting));
  const lines = [
    '# Every selector in every condition',
    '',
    'Written by `npm run results` from the scores in `scores.csv` beside it, a line for each training. Accuracy is the mean ± standard',
    'deviation over the seeds that a method was measured with; the difference to `task_balanced` is paired by these seeds, with its 95 %',
    't-interval; p is that of the paired t-test, adjusted by Holm over the methods of the table. A seed fixes reference model, draw and',
    'training.',
    ...overallLines(scores, methods),
    ...choiceLines(chooseRobust(scores, methods)),
    ...tables,
  ];
  return `${lines.join('\n')}\n`;
}

/** A method in one setting, beside the balanced choice with the same seeds. */
interface MethodRow {
  method: SelectionMethod;
  accuracy: ScoreSpread;
  /** Null for the balanced choice itself. */
  difference: PairedDifference | null;
}

/** The table of a setting: each method over all seeds that it and the balanced choice have. */
function settingTable(own: readonly Score[], setting: Setting): string[] {
  const rows = methodRows(own).sort((left, right) => right.accuracy.mean - left.accuracy.mean);
  if (rows.length === 0) return [];
  const tested = rows.flatMap(({ difference }) => difference?.pValue ?? []);
  const adjusted = holmAdjusted(tested);
  const adjustedOf = ({ difference }: MethodRow): number | null =>
    adjusted[tested.indexOf(difference?.pValue ?? NaN)] ?? null;
  return [
    '',
    `## ${settingName(setting)}`,
    '',
    `| method | seeds | accuracy | minus ${BASELINE} | 95 % | p, adjusted |`,
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => methodLine(row, adjustedOf(row))),
  ];
}

function methodRows(own: readonly Score[]): MethodRow[] {
  return [...new Set(own.map(({ method }) => method))].flatMap((method): MethodRow[] => {
    const { treated, control } = pairsIn(own, method);
    if (treated.length === 0) return [];
    return [
      {
        method,
        accuracy: spread(treated),
        difference: method === BASELINE ? null : pairedDifference(treated, control),
      },
    ];
  });
}

function methodLine({ method, accuracy, difference }: MethodRow, adjustedP: number | null): string {
  const { scores, mean, deviation } = accuracy;
  const spreadText = deviation === null ? '' : ` ± ${(100 * deviation).toFixed(1)}`;
  const cells =
    difference === null ? ['', '', ''] : [points(difference.mean), intervalText(difference.interval), pText(adjustedP)];
  return `| \`${method}\` | ${scores.length} | ${(100 * mean).toFixed(1)} %${spreadText} | ${cells.join(' | ')} |`;
}

function pText(adjustedP: number | null): string {
  return adjustedP === null ? '' : adjustedP < 0.001 ? '< 0.001' : adjustedP.toFixed(3);
}

function intervalText(interval: readonly [number, number] | null): string {
  return interval === null ? '' : `${points(interval[0])} to ${points(interval[1])}`;
}

/** `+1.2`, with a real minus */
function points(share: number): string {
  const text = (100 * share).toFixed(1);
  return text.startsWith('-') ? `−${text.slice(1)}` : `+${text}`;
}

/** Methods over all settings that they were measured in, and over those of each dataset; more may come later. */
function overallLines(scores: readonly Score[], methods: readonly SelectionMethod[]): string[] {
  const groups = [
    { name: 'all', own: scores },
    ...DATASETS.map((dataset) => ({ name: dataset, own: scores.filter((score) => score.dataset === dataset) })),
  ];
  const lines = groups.flatMap(({ name, own }) => overallRows(name, own, methods));
  if (lines.length === 0) return [];
  return [
    '',
    '## Over all settings',
    '',
    'The mean over settings of the differences to the balanced choice, each setting counted once, with its 95 % interval',
    '(Satterthwaite’s degrees of freedom) and p adjusted by Holm over the methods of a group. It speaks of these settings and of no',
    'others, and methods were measured in different ones.',
    '',
    `| settings of | method | settings | pairs | minus ${BASELINE} | 95 % | p, adjusted |`,
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
  ];
}

function overallRows(name: string, scores: readonly Score[], methods: readonly SelectionMethod[]): string[] {
  const rows = methods
    .filter((method) => method !== BASELINE)
    .flatMap((method) => {
      const found = overallDifference(scores, method);
      return found === null ? [] : [{ method, ...found }];
    })
    .sort((left, right) => right.mean - left.mean);
  const adjusted = holmAdjusted(rows.map(({ pValue }) => pValue));
  return rows.map(({ method, settingCount, pairCount, mean, interval }, place) => {
    const cells = [name, `\`${method}\``, settingCount, pairCount, points(mean), intervalText(interval)];
    return `| ${[...cells, pText(adjusted[place]!)].join(' | ')} |`;
  });
}

function choiceLines(choice: RobustChoice | null): string[] {
  if (choice === null)
    return ['', 'Too little is measured to choose a default by one half and to confirm it by the other.'];
  const ranking = choice.ranked.slice(0, 4).map(({ method, mean }) => `\`${method}\` ${points(mean)}`);
  return [
    '',
    '## A safe default',
    '',
    'Chosen by the even seeds of every other condition of the bundled data; confirmed by the odd seeds of the other conditions and by the',
    'second dataset. A claim needs an interval above zero in three of four stress conditions and no loss above half a point in any.',
    '',
    `Best by the first half, in mean points above \`${BASELINE}\`: ${ranking.join(', ')}. By the second half:`,
    '',
    `| setting | \`${choice.method}\` minus ${BASELINE} | 95 % | seeds won |`,
    '| --- | --- | --- | --- |',
    ...choice.confirmed.map(
      ({ difference, ...setting }) =>
        `| ${settingName(setting)} | ${points(difference.mean)} | ${intervalText(difference.interval)} | ${difference.winCount} |`,
    ),
    '',
    choice.holds
      ? `The claim holds: \`${choice.method}\` is better than the balanced choice.`
      : `The claim does not hold: \`${choice.method}\` was not shown to be better than a random choice of as many rows of every task.`,
  ];
}
