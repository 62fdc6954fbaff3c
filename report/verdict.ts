// The verdict: what a run has shown about its own choice, in its first line.
import type { SelectionMethod } from '../contracts/config.ts';
import { isRandomChoice, METHODS } from '../contracts/methods.ts';
import type { DifferenceSummary, RunSummary } from '../contracts/summary.ts';
import { checkedRun, checkRun, differenceText, outcomeOf } from './checks.ts';
import type { CheckFinding } from './checks.ts';
import { count, percent, points, share } from './format.ts';
import { methodName } from './method-names.ts';

/** What the run has shown about its own choice. */
export type ComparisonOutcome = 'ahead' | 'behind' | 'undecided' | 'not_measured';

export interface Verdict {
  outcome: ComparisonOutcome;
  /** The first line: the comparison, and what makes it say little. */
  sentence: string;
  /** Further comparisons and what the numbers do not cover, a sentence each. */
  remarks: string[];
  /** What the checks found, most pressing first. */
  findings: CheckFinding[];
}

/**
 * What was measured. The comparison is with the strongest of the base model, the pooled and the task-balanced random
 * choice, that is the one with the highest score; a difference counts as shown only where its 95 % interval leaves out
 * 0, and a run is ahead only where it is ahead of all three. What the checks find that belongs in the first line stands
 * there: a harmful training in front, the rest behind.
 */
export function verdict(summary: RunSummary): Verdict {
  const findings = checkRun(checkedRun(summary));
  const { outcome, sentence, remarks } = compared(summary);
  const [harm, ...rest] = [
    findings.find(({ name }) => name === 'tuning_harms')?.headline ?? null,
    ...findings.flatMap(({ name, headline }) => (headline === null || name === 'tuning_harms' ? [] : [headline])),
  ];
  const before = harm === null || harm === undefined ? '' : `${capital(harm)}. `;
  const after = rest.length === 0 ? '' : ` ${capital(rest.join('; '))}.`;
  return { outcome, sentence: `${before}${sentence}${after}`, remarks, findings };
}

function compared(summary: RunSummary): Omit<Verdict, 'findings'> {
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
  const { differences, testRowCount } = evaluation!;
  const reached = `${kept} and reached ${percent(own.macroAccuracy)}`;
  const baselines = byStrength(differences.filter(({ method }) => method === null || isRandomChoice(method)));
  const [main] = baselines;
  // As its own score has it: a difference taken back may round to another tenth.
  const scoreOf = ({ method, difference }: DifferenceSummary): number =>
    evaluation!.scores.find((score) => score.method === method)?.macroAccuracy ?? own.macroAccuracy - difference;
  const remark = (other: DifferenceSummary): string => remarkOf(other, scoreOf(other));
  if (main === undefined || baselines.every(({ method }) => method === null)) {
    const sentence = `${reached}; no random choice was evaluated beside it, so this run does not show whether the choice of rows matters.`;
    return { outcome: 'not_measured', sentence, remarks: differences.map(remark) };
  }
  const outcome = outcomeAgainst(baselines);
  const others = differences.filter((difference) => difference !== main);
  const strongest = baselines.length > 1 ? 'the strongest baseline, ' : '';
  const name = `${strongest}${nameOf(main, own)}${strongest === '' ? '' : ','}`;
  return {
    outcome,
    sentence: `${reached}; ${name} reached ${percent(scoreOf(main))} (${differenceText(main)}): ${conclusion(outcome, summary, baselines)}.`,
    remarks: [...others.map(remark), coverage(testRowCount)],
  };
}

/** The highest score first; of equal ones the stronger random choice, the base model last. */
function byStrength(differences: readonly DifferenceSummary[]): DifferenceSummary[] {
  const rank = ({ method }: DifferenceSummary): number => (method === null ? 0 : (METHODS[method].baselineRank ?? 0));
  return differences.toSorted((left, right) => left.difference - right.difference || rank(right) - rank(left));
}

/** Behind the strongest one is behind, ahead is ahead of all. */
function outcomeAgainst(baselines: readonly DifferenceSummary[]): ComparisonOutcome {
  if (outcomeOf(baselines[0]!) === 'behind') return 'behind';
  return baselines.every((one) => outcomeOf(one) === 'ahead') ? 'ahead' : 'undecided';
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
  return name.startsWith('tive') ? name : capital(name);
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function nameOf({ method, selectedCount }: DifferenceSummary, own: { selectedCount: number }): string {
  if (method === null) return 'the base model before fine-tuning';
  const size = selectedCount === own.selectedCount ? 'of the same size' : `of ${count(selectedCount)} rows`;
  return `a ${methodName(method)} ${size}`;
}

function conclusion(
  outcome: ComparisonOutcome,
  { selection }: RunSummary,
  baselines: readonly DifferenceSummary[],
): string {
  const [main] = baselines as [DifferenceSummary];
  if (outcome === 'ahead') return `on this run ${withArticle(selection.method)} was better`;
  if (outcome === 'behind') return `on this run ${withArticle(main.method)} was better`;
  if (main.interval === null) return 'there are too few test rows to tell them apart';
  if (Number(points(main.difference)) === 0) return 'on this run it is a tie';
  const unshown = baselines.find((one) => outcomeOf(one) !== 'ahead')!;
  const than = unshown === main ? '' : ` to ${withArticle(unshown.method)}`;
  return `on this run no difference${than} could be shown`;
}

function withArticle(method: SelectionMethod | null): string {
  return method === null || isRandomChoice(method) ? `the ${methodName(method)}` : methodName(method);
}

function remarkOf(other: DifferenceSummary, accuracy: number): string {
  const name = other.method === null ? 'before fine-tuning the base model' : methodName(other.method);
  return `${capital(name)} reached ${percent(accuracy)} (${differenceText(other)}).`;
}

function coverage(testRowCount: number): string {
  return (
    `Scores are macro accuracy over ${count(testRowCount)} test rows. Intervals cover the choice of test rows, not another seed of drawing and training: ` +
    'one run compares one draw of each; tive benchmark compares several.'
  );
}
