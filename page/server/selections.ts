// Other selections of a run, two runs side by side, and exports.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { exportRun } from '../../client/export/export.ts';
import type { ExportForm } from '../../contracts/export-forms.ts';
import { compareRuns, differRuns } from '../../client/runs/compare-runs.ts';
import type { NamedRun } from '../../client/runs/find-run.ts';
import { EXPORT_FOLDER, OWN_EXPORT_FOLDER, OWN_ROWS_FILE } from '../../client/runs/former-result.ts';
import { reselectRun } from '../../client/runs/reselect-run.ts';
import type { ReselectOptions } from '../../client/runs/reselect-run.ts';
import type { SelectionServer } from '../../client/runs/selection-server.ts';
import { saveResult } from '../../client/runs/run-folder.ts';
import { readScores } from '../../client/runs/run-scores.ts';
import { hint } from '../../client/terminal/own-command.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import type { SelectionResult } from '../../contracts/messages/selection.ts';
import { LocalStore } from '../../store/local-store.ts';
import { openStore } from '../../store/open-store.ts';
import { plural } from '../../report/format.ts';
import type { ComparedRun, Comparison, Said, WhatIf } from '../api.ts';
import type { CheckedQuestion } from './bodies.ts';
import type { ChosenRows } from './row-answers.ts';

/** Row indexes of a list. */
const MOST_ROWS = 200;

/**
 * Selects again as `tive select` does: in a folder that is gone afterwards, or where it is to be kept as a run. What it
 * makes stays in the store, so that the same question is answered sooner.
 * @param server stays open, for the next question
 * @param signal ends it where nobody waits any more
 * @throws InvalidConfigError for settings that are wrong, or that gradients depend on
 */
export async function whatIf(
  base: RunResult,
  question: CheckedQuestion,
  server: SelectionServer,
  signal: AbortSignal,
): Promise<WhatIf> {
  signal.throwIfAborted();
  const options = { ...optionsOf(question), server, signal };
  const startedAt = performance.now();
  if (question.isKept === true) {
    const made = await reselectRun(base, options);
    await saveResult(made.folder, openStore(made.config.store.uri), made.result);
    return answerOf(base, question, made.result, made.runName, performance.now() - startedAt);
  }
  const outputDir = await mkdtemp(join(tmpdir(), 'tive-what-if-'));
  try {
    const { config } = base;
    const { result } = await reselectRun(
      { ...base, config: { ...config, run: { ...config.run, outputDir } } },
      { ...options, isPreview: true },
    );
    return await answerOf(base, question, result, null, performance.now() - startedAt);
  } finally {
    await rm(outputDir, { recursive: true, force: true });
  }
}

function settingsOf({ settings, filters }: CheckedQuestion): string[] {
  return [...settings, ...(filters.length === 0 ? [] : [`selection.filters=[${filters.join(', ')}]`])];
}

function optionsOf(question: CheckedQuestion): ReselectOptions {
  const { method, lambda, budget } = question;
  return {
    method,
    settings: settingsOf(question),
    ...(lambda !== null && { lambda }),
    ...(budget !== null && { budget }),
  };
}

async function answerOf(
  base: RunResult,
  question: CheckedQuestion,
  result: RunResult,
  runName: string | null,
  ms: number,
): Promise<WhatIf> {
  const { method, lambda, budget } = question;
  const { bothCount, onlyLeft, onlyRight } = await differRuns(base, result);
  const [before, after] = [base.methods[0]!, result.methods[0]!];
  const [old, now] = [takenOf(before.selection!), takenOf(after.selection!)];
  const words = ['--method', method, ...numberWords('--lambda', lambda), ...numberWords('--budget', budget)];
  return {
    runName,
    command: hint('select', base.runName, ...settingsOf(question), ...words),
    seconds: ms / 1000,
    oldCount: before.selection!.rowCount,
    newCount: after.selection!.rowCount,
    jaccard: jaccardOf(bothCount, onlyLeft.length, onlyRight.length),
    tasks: after.allocation.tasks.map(({ task, rows }) => ({
      task,
      rows,
      oldTaken: old.get(task) ?? 0,
      newTaken: now.get(task) ?? 0,
    })),
    entering: onlyRight.slice(0, MOST_ROWS),
    leaving: onlyLeft.slice(0, MOST_ROWS),
    enteringCount: onlyRight.length,
    leavingCount: onlyLeft.length,
    warnings: [...new Set(result.warnings)],
  };
}

/** Rows drawn of each task, copies counted: some methods draw from all tasks together, whatever the quotas. */
function takenOf({ tasks }: SelectionResult): Map<string, number> {
  return new Map(tasks.map(({ task, copies }) => [task, copies]));
}

function numberWords(name: string, value: number | null): string[] {
  return value === null ? [] : [name, String(value)];
}

function jaccardOf(both: number, left: number, right: number): number {
  return both + left + right === 0 ? 1 : both / (both + left + right);
}

/** Writes a run's selection, or rows that were picked, as `tive export` does: below the run's folder. */
export async function exportRows(
  { runName, folder }: NamedRun,
  result: RunResult,
  form: ExportForm,
  chosen: ChosenRows | null,
): Promise<Said> {
  const rows = chosen?.rows ?? null;
  const target = join(folder.path, rows === null ? EXPORT_FOLDER : OWN_EXPORT_FOLDER);
  const own: string[] = [];
  if (rows !== null) {
    await new LocalStore(target, { isPrivate: true }).write(OWN_ROWS_FILE, [Buffer.from(`${JSON.stringify(rows)}\n`)]);
    own.push('--rows', shown(join(target, OWN_ROWS_FILE)));
  }
  const { path, content } = await exportRun(openStore(result.config.store.uri), result, form, target, false, rows);
  return {
    message: `${shown(path)}  ${content}${setAsideWords(chosen?.setAsideCount ?? 0)}`,
    runName: null,
    command: hint('export', runName, '--to', form, ...own),
  };
}

function setAsideWords(count: number): string {
  return count === 0 ? '' : `, without ${plural(count, 'row')} that ${count === 1 ? 'is' : 'are'} set aside`;
}

function shown(path: string): string {
  return relative(process.cwd(), path) || path;
}

/** Two runs side by side; what only selections have is empty where one has none. */
export async function compare(left: RunResult, right: RunResult): Promise<Comparison> {
  const sides = { left: await comparedRun(left), right: await comparedRun(right) };
  const isSelected = [left, right].every(({ methods }) => (methods[0]?.selection ?? null) !== null);
  if (!isSelected) {
    const none = { onlyLeft: [], onlyRight: [], onlyLeftCount: 0, onlyRightCount: 0, tasks: [] };
    return { ...sides, jaccard: null, bothCount: 0, ...none };
  }
  const { jaccard } = await compareRuns(left, right);
  const { bothCount, onlyLeft, onlyRight, tasks } = await differRuns(left, right);
  return {
    ...sides,
    jaccard,
    bothCount,
    onlyLeft: onlyLeft.slice(0, MOST_ROWS),
    onlyRight: onlyRight.slice(0, MOST_ROWS),
    onlyLeftCount: onlyLeft.length,
    onlyRightCount: onlyRight.length,
    tasks,
  };
}

async function comparedRun(result: RunResult): Promise<ComparedRun> {
  const [first = null] = result.methods;
  return {
    runName: result.runName,
    method: first?.method ?? null,
    selectedCount: first?.selection?.rowCount ?? null,
    scores: await readScores(result),
  };
}
