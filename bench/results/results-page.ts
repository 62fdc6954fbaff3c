// The document of all results: a table for each setting, and what may be said of a default.
import { compareMethods } from '../../algorithms/compare-methods.ts';
import type { MethodScores, PairedDifference } from '../../contracts/benchmark-summary.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import { chooseRobust } from './robust-choice.ts';
import type { RobustChoice } from './robust-choice.ts';
import { scoresOf } from './scores.ts';
import type { Score } from './scores.ts';
import { BASELINE, SETTINGS, settingName } from './settings.ts';
import type { Setting } from './settings.ts';

/** Markdown of all that was measured. */
export function resultsPage(scores: readonly Score[], methods: readonly SelectionMethod[]): string {
  const tables = SETTINGS.flatMap((setting) => settingTable(scoresOf(scores, setting), setting));
  const lines = [
    '# Every selector in every condition',
    '',
    'Written by `npm run results` from the scores in `scores.csv` beside it, a line for each training. Accuracy is the mean ± standard',
    'deviation over the seeds; the difference to `task_balanced` is paired by seed, with its 95 % t-interval; p is that of the paired',
    't-test, adjusted by Holm over the methods of the table. A seed fixes reference model, draw and training.',
    ...choiceLines(chooseRobust(scores, methods)),
    ...tables,
  ];
  return `${lines.join('\n')}\n`;
}

/** The table of a setting over the seeds that all its methods have; seeds that lack one are left out. */
function settingTable(own: readonly Score[], setting: Setting): string[] {
  const methods = [...new Set(own.map(({ method }) => method))];
  const seeds = [...new Set(own.map(({ seed }) => seed))].filter((seed) =>
    methods.every((method) => own.some((score) => score.seed === seed && score.method === method)),
  );
  if (seeds.length === 0) return [];
  const compared = compareMethods(
    own
      .filter(({ seed }) => seeds.includes(seed))
      .map(({ seed, method, accuracy }) => {
        const unknown = { rowCount: 0, stepCount: 0, effectiveShare: null, stress: null, meanLoss: 0, tasks: [] };
        return { seed, method, macroAccuracy: accuracy, ...unknown };
      }),
    null,
  ).sort((left, right) => right.accuracy.mean - left.accuracy.mean);
  return [
    '',
    `## ${settingName(setting)}, ${seeds.length} ${seeds.length === 1 ? 'seed' : 'seeds'}`,
    '',
    `| method | accuracy | minus ${BASELINE} | 95 % | p, adjusted |`,
    '| --- | --- | --- | --- | --- |',
    ...compared.map(methodLine),
  ];
}

function methodLine({ method, accuracy, difference }: MethodScores): string {
  const spread = accuracy.deviation === null ? '' : ` ± ${(100 * accuracy.deviation).toFixed(1)}`;
  const cells = difference === null ? ['', '', ''] : differenceCells(difference);
  return `| \`${method}\` | ${(100 * accuracy.mean).toFixed(1)} %${spread} | ${cells.join(' | ')} |`;
}

function differenceCells({ mean, interval, adjustedP }: PairedDifference): string[] {
  const p = adjustedP === null ? '' : adjustedP < 0.001 ? '< 0.001' : adjustedP.toFixed(3);
  return [points(mean), intervalText(interval), p];
}

function intervalText(interval: readonly [number, number] | null): string {
  return interval === null ? '' : `${points(interval[0])} to ${points(interval[1])}`;
}

/** `+1.2`, with a real minus */
function points(share: number): string {
  const text = (100 * share).toFixed(1);
  return text.startsWith('-') ? `−${text.slice(1)}` : `+${text}`;
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
