// Which method is a safe default: chosen on one half of the settings and seeds, confirmed on what it was not chosen by.
import { pairedDifference } from '../../algorithms/compare-methods.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import type { PairedDifference } from '../../contracts/benchmark-summary.ts';
import { mean } from '../../algorithms/statistics.ts';
import type { Score } from './scores.ts';
import { scoresOf } from './scores.ts';
import { BASELINE, SETTINGS } from './settings.ts';
import type { Setting } from './settings.ts';

/** Largest loss against the balanced choice, as a share, that a safe default may have in any condition. */
const LARGEST_LOSS = 0.005;
/** Share of the stress conditions in which a claim's interval must lie above zero: three of four. */
const SHOWN_SHARE = 0.75;
/** Pairs without which no interval is made. */
const LEAST_PAIRS = 2;

/** A method beside the balanced choice in one setting. */
export interface SettingDifference extends Setting {
  difference: PairedDifference;
}

/** What was chosen, and what the half that it was not chosen by says. */
export interface RobustChoice {
  /** Methods by their mean difference over the settings chosen by, the best first. */
  ranked: { method: SelectionMethod; mean: number }[];
  method: SelectionMethod;
  confirmed: SettingDifference[];
  /** Whether the claim holds: better in three of four stress conditions, nowhere worse by more than half a point. */
  holds: boolean;
}

/** Scores of a method and of the balanced choice with the same seeds. */
export interface Pairs {
  treated: number[];
  control: number[];
}

/** Pairs of a method and the balanced choice, of the scores of one setting. */
export function pairsIn(own: readonly Score[], method: SelectionMethod): Pairs {
  const control = new Map(
    own.filter((score) => score.method === BASELINE).map(({ seed, accuracy }) => [seed, accuracy]),
  );
  const treated = own.filter((score) => score.method === method && control.has(score.seed));
  return {
    treated: treated.map(({ accuracy }) => accuracy),
    control: treated.map(({ seed }) => control.get(seed)!),
  };
}

/** Pairs of a method and the balanced choice by setting, where there are two or more. */
export function pairsOf(scores: readonly Score[], method: SelectionMethod): (Setting & Pairs)[] {
  return SETTINGS.flatMap((setting) => {
    const pairs = pairsIn(scoresOf(scores, setting), method);
    return pairs.treated.length < LEAST_PAIRS ? [] : [{ ...setting, ...pairs }];
  });
}

/** Differences of a method to the balanced choice by setting, over the seeds that have both. */
export function differencesOf(scores: readonly Score[], method: SelectionMethod): SettingDifference[] {
  return pairsOf(scores, method).map(({ treated, control, ...setting }) => ({
    ...setting,
    difference: pairedDifference(treated, control),
  }));
}

/**
 * Chooses by the even seeds of every other condition of the bundled data, and confirms by the odd seeds of the other
 * conditions and by the second dataset, which nothing is chosen by.
 *
 * @returns null where a half is empty
 */
export function chooseRobust(scores: readonly Score[], methods: readonly SelectionMethod[]): RobustChoice | null {
  const chosenBy = scores.filter((score) => isChosenBy(score) && score.seed % 2 === 0);
  const heldOut = scores.filter((score) => !isChosenBy(score) && (score.dataset !== 'demo' || score.seed % 2 === 1));
  const ranked = methods
    .filter((method) => method !== BASELINE)
    .map((method) => ({ method, differences: differencesOf(chosenBy, method) }))
    .filter(({ differences }) => differences.length > 0)
    .map(({ method, differences }) => ({ method, mean: mean(differences.map(({ difference }) => difference.mean)) }))
    .sort((left, right) => right.mean - left.mean);
  const [best] = ranked;
  if (best === undefined) return null;
  const confirmed = differencesOf(heldOut, best.method);
  if (confirmed.length === 0) return null;
  return { ranked, method: best.method, confirmed, holds: isShown(confirmed) };
}

/** Conditions at even places of the list, with either base model. */
function isChosenBy({ dataset, base, condition }: Setting): boolean {
  const own = SETTINGS.filter((setting) => setting.dataset === dataset && setting.base === base);
  return dataset === 'demo' && own.findIndex((setting) => setting.condition === condition) % 2 === 0;
}

function isShown(differences: readonly SettingDifference[]): boolean {
  const stressed = differences.filter(({ condition }) => condition !== 'clean');
  const shown = stressed.filter(({ difference: { interval } }) => interval !== null && interval[0] > 0);
  return (
    stressed.length > 0 &&
    shown.length >= SHOWN_SHARE * stressed.length &&
    differences.every(({ difference }) => difference.mean >= -LARGEST_LOSS)
  );
}
