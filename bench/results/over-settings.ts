// One difference over several settings: each setting counts once, whatever the number of its seeds.
import { mean, standardDeviation } from '../../algorithms/statistics.ts';
import { studentTQuantile, studentTTail } from '../../algorithms/student-t.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import { pairsOf } from './robust-choice.ts';
import type { Score } from './scores.ts';

const CONFIDENCE = 0.95;

/** Mean difference of a method to the balanced choice over settings. */
export interface OverallDifference {
  settingCount: number;
  pairCount: number;
  mean: number;
  interval: readonly [number, number];
  /** Two-sided, of the mean being 0. */
  pValue: number;
}

/**
 * d̄ = Σ_s d̄_s / S over the S settings with two pairs or more, its standard error √(Σ_s var_s/n_s) / S, its degrees of
 * freedom by Satterthwaite: (Σ a_s)² / Σ a_s²/(n_s − 1), a_s = var_s/n_s. It speaks of these settings, not of others.
 *
 * @returns null where there is none
 * @see Satterthwaite, An approximate distribution of estimates of variance components, Biometrics Bulletin 2 (1946)
 */
export function overallDifference(scores: readonly Score[], method: SelectionMethod): OverallDifference | null {
  const settings = pairsOf(scores, method).map(({ treated, control }) =>
    treated.map((score, index) => score - control[index]!),
  );
  if (settings.length === 0) return null;
  const parts = settings.map((own) => standardDeviation(own) ** 2 / own.length);
  const variance = parts.reduce((sum, part) => sum + part, 0);
  const center = mean(settings.map((own) => mean(own)));
  const pairCount = settings.reduce((sum, own) => sum + own.length, 0);
  const counts = { settingCount: settings.length, pairCount, mean: center };
  // Equal differences throughout have no spread to tell an interval from.
  if (variance === 0) return { ...counts, interval: [center, center], pValue: center === 0 ? 1 : 0 };
  const error = Math.sqrt(variance) / settings.length;
  const freedom =
    variance ** 2 / parts.reduce((sum, part, place) => sum + part ** 2 / (settings[place]!.length - 1), 0);
  const margin = studentTQuantile(freedom, CONFIDENCE) * error;
  return { ...counts, interval: [center - margin, center + margin], pValue: studentTTail(center / error, freedom) };
}
