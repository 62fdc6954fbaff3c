// The verdict: what a run has shown about its own choice, in one sentence.
import type { SelectionMethod } from '../contracts/config.ts';
import { strongestBaseline } from '../contracts/methods.ts';
import type { DifferenceSummary, RunSummary } from '../contracts/summary.ts';
import { count, percent, points, pointsInterval, share } from './format.ts';
import { isBaseline, methodName } from './method-names.ts';

/** What the run has shown about its own choice. */
export type ComparisonOutcome = 'ahead' | 'behind' | 'undecided' | 'not_measured';

export interface Verdict {
  outcome: ComparisonOutcome;
  /** One sentence. */
  sentence: string;
  /** Further comparisons and what the numbers do not cover, a sentence each. */
  remarks: string[];
}

/**
 * What was measured, in one sentence. The comparison is with the task-balanced random choice where there is one, since
 * balancing tasks alone gives most of what selection gives; else with the pooled one. A difference counts as shown only
 * where its 95 % interval leaves out 0.
 */
export function verdict(summary: RunSummary): Verdict {
  const kept = keptRows(summary);
  const { evaluation } = summary;
  const own = evaluation?.scores.find(({ method }) => method === summary.selection.method);
  const base = evaluation?.scores.find(({ method }) => method === null);
  if (own === undefined) {
    const sentence =
      base === undefined
        ? `${kept}; no model was evaluated, so this run does not show how good the choice is.`
        : `${kept}; only the base model was evaluated (${percent(base.macroAccuracy)}), so this run does not show how good the choice is.`;
    return { outcome: 'not_measured', sentence, remarks: [] };
  }
  const reached = `${kept} and reached ${percent(own.macroAccuracy)}`;
  const main = mainDifference(evaluation!.differences);
  const gain = base === undefined ? [] : [`Before fine-tuning the base model reached ${percent(base.macroAccuracy)}.`];
  if (main === null) {
    const sentence = `${reached}; no random choice was evaluated beside it, so this run does not show whether the choice of rows matters.`;
    return { outcome: 'not_measured', sentence, remarks: gain };
  }
  const outcome = comparisonOutcome(main);
  const others = evaluation!.differences.filter((difference) => difference !== main);
  return {
    outcome,
    sentence: `${reached}; ${comparison(main, own)}: ${conclusion(outcome, summary, main)}.`,
    remarks: [...others.map((other) => remark(other, own)), ...gain, coverage(evaluation!.testRowCount)],
  };
}

/** Ahead or behind only where the interval leaves out 0. */
export function comparisonOutcome({ interval }: DifferenceSummary): ComparisonOutcome {
  if (interval === null) return 'undecided';
  if (interval[0] > 0) return 'ahead';
  return interval[1] < 0 ? 'behind' : 'undecided';
}

function keptRows({ selection, dataset }: RunSummary): string {
  const { method, rowCount, distinctCount } = selection;
  const ratio = share(dataset.usableCount === 0 ? 0 : distinctCount / dataset.usableCount);
  const copies = rowCount > distinctCount ? `, ${count(rowCount)} with copies` : '';
  return `${subject(method)} kept ${count(distinctCount)} of ${count(dataset.usableCount)} usable rows (${ratio})${copies}`;
}

/** The method at the head of a sentence; `tive` keeps its spelling. */
function subject(method: SelectionMethod): string {
  const name = methodName(method);
  return name.startsWith('tive') ? name : name.charAt(0).toUpperCase() + name.slice(1);
}

function mainDifference(differences: readonly DifferenceSummary[]): DifferenceSummary | null {
  const baseline = strongestBaseline(differences.map(({ method }) => method));
  return differences.find(({ method }) => method === baseline) ?? null;
}

function comparison(other: DifferenceSummary, own: { macroAccuracy: number; selectedCount: number }): string {
  const size = other.selectedCount === own.selectedCount ? 'of the same size' : `of ${count(other.selectedCount)} rows`;
  return `a ${methodName(other.method)} ${size} reached ${percent(own.macroAccuracy - other.difference)} (${inPoints(other)})`;
}

function inPoints({ difference, interval }: DifferenceSummary): string {
  const range = interval === null ? 'no interval' : `95\u00a0% interval ${pointsInterval(interval)}`;
  return `difference ${points(difference)} points, ${range}`;
}

function conclusion(outcome: ComparisonOutcome, { selection }: RunSummary, other: DifferenceSummary): string {
  if (outcome === 'ahead') return `on this run ${withArticle(selection.method)} was better`;
  if (outcome === 'behind') return `on this run ${withArticle(other.method)} was better`;
  return other.interval === null
    ? 'there are too few test rows to tell them apart'
    : 'on this run no difference could be shown';
}

function withArticle(method: SelectionMethod): string {
  return isBaseline(method) ? `the ${methodName(method)}` : methodName(method);
}

function remark(other: DifferenceSummary, own: { macroAccuracy: number }): string {
  const name = methodName(other.method);
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} reached ${percent(own.macroAccuracy - other.difference)} (${inPoints(other)}).`;
}

function coverage(testRowCount: number): string {
  return (
    `Scores are macro accuracy over ${count(testRowCount)} test rows. Intervals cover the choice of test rows, not another seed of drawing and training: ` +
    'one run compares one draw of each.'
  );
}
