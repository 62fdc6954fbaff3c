// Stage report: everything that the run has found → one page, the task table, the manifest, the rows set aside.
import { AUTO_METHOD } from '../../contracts/methods.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { ReportInput, ReportResult, RunResult } from '../../contracts/messages/run.ts';
import type { SelectionResult } from '../../contracts/messages/selection.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import type { QuarantineSummary, RunSummary, TaskSummary } from '../../contracts/summary.ts';
import { findingText } from '../../report/checks.ts';
import { renderReport } from '../../report/render-report.ts';
import { verdict } from '../../report/verdict.ts';
import { canonicalJson, sha256 } from '../../store/addresses.ts';
import type { Store } from '../../store/store.ts';
import { QUARANTINE_FILE } from '../../tables/quarantine.ts';
import { readCopies } from '../../tables/selection.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { allocateMethod } from '../selection/allocation.ts';
import { startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { finishOutput, outputPlace, writeFile } from '../shared/stage-output.ts';
import { summarizeEvaluation } from './evaluation-summary.ts';
import { summarizeCopies } from './copy-summary.ts';
import { readExamples } from './example-rows.ts';
import { summarizeFilters } from './filter-summary.ts';
import { engineOf, readInputs, stageFacts, wallTimeMs } from './facts.ts';
import { installedVersions, runManifest, tasksCsv } from './files.ts';
import { summarizeRows } from './row-summary.ts';
import { readSpace } from '../values/space.ts';
import { summarizeRounds } from './round-summary.ts';
import { stressKinds, stressShares } from './stress-summary.ts';
import { readTraining } from './training-curves.ts';
import { streamAllQuarantine, summarizeQuarantine } from './quarantine-summary.ts';
import { scanValues } from './value-summary.ts';

export function createReportActivities({ openStore }: ControlDependencies) {
  return {
    /**
     * Writes `report.html`, `tasks.csv`, `manifest.json` and `quarantine.jsonl`. It shows times, so it is made anew
     * each time and its address covers the whole summary.
     * @throws RangeError where the run has no selection yet
     */
    async writeReport({ result }: ReportInput): Promise<ReportResult> {
      const pulse = startPulse('report', 'report');
      const store = openStore(result.config.store.uri);
      const run = finished(result);
      const inputs = await readInputs(store, result);
      const summary = await summarize(store, run, inputs, openStore, pulse);
      const artifacts = [...inputHashes(stageFacts(result))];
      const place = outputPlace('report', { summary: sha256(canonicalJson(summary)), artifacts });
      const files = [
        await writeFile(store, place, 'report.html', renderReport(summary)),
        await writeFile(store, place, 'tasks.csv', tasksCsv(summary)),
        await writeFile(store, place, 'manifest.json', runManifest(summary, inputs)),
        await writeFile(store, place, QUARANTINE_FILE, streamAllQuarantine(store, result)),
      ];
      const { reference: report } = await finishOutput(store, place, { files, details: null });
      const { sentence, remarks, findings } = verdict(summary);
      return { report, verdict: [sentence, ...remarks, ...findings.map(findingText)] };
    },
  };
}

/** Contents that the report was made from: where one is damaged, so is what it shows. */
function* inputHashes(stages: RunSummary['facts']['stages']): Generator<string> {
  for (const { artifacts } of stages) for (const { reference } of artifacts) yield reference.sha256;
}

/** A run with everything that a report needs. */
interface FinishedRun {
  result: RunResult;
  dataset: ScanResult;
  values: ValuesResult;
  selection: SelectionResult;
}

function finished(result: RunResult): FinishedRun {
  const { dataset, values, methods, config } = result;
  const selection = methods.find(({ method }) => method === config.selection.method)?.selection ?? null;
  if (dataset !== null && values !== null && selection !== null) return { result, dataset, values, selection };
  throw new RangeError(
    `report: the run must have a selection by ${config.selection.method}, got none; run it until selection at least`,
  );
}

async function summarize(
  store: Store,
  run: FinishedRun,
  inputs: ReadonlyMap<string, object>,
  openStore: ControlDependencies['openStore'],
  pulse: Pulse,
): Promise<RunSummary> {
  const { result, dataset, values, selection } = run;
  const { config } = result;
  const copies = await readCopies(store, selection.selection);
  const { instanceValues, candidates } = await scanValues(store, values.values, copies, config, pulse);
  const quarantine = await summarizeQuarantine(store, result);
  const { gradientNorms, bias } = await summarizeRows(store, run, copies, openStore, pulse);
  const kinds = await stressKinds(store, dataset.rows);
  const changed = await summarizeCopies(store, selection, dataset.rows, config, openStore, pulse);
  return {
    runName: result.runName,
    config,
    dataset: {
      rowCount: dataset.rowCount,
      usableCount: usableCount(dataset, quarantine),
      duplicateCount: dataset.duplicateCount,
      tokenCount: dataset.tokenCount,
    },
    selection: {
      method: selection.method,
      budget: result.methods.find(({ method }) => method === selection.method)!.allocation.budget,
      rowCount: selection.rowCount,
      distinctCount: copies.size,
    },
    tasks: summarizeTasks(run),
    ...(changed && { copies: changed }),
    instanceValues,
    gradientNorms,
    space: await readSpace(store, values.values, copies),
    bias,
    rounds: await summarizeRounds(store, result),
    stress: kinds === null ? null : stressShares(kinds, copies),
    training: await readTraining(store, result),
    evaluation: await summarizeEvaluation(store, result),
    quarantine,
    examples: await readExamples(store, dataset.rows, candidates, config, openStore, pulse),
    filters: await summarizeFilters(store, run, openStore, pulse),
    reselection: result.reselection,
    facts: {
      engine: engineOf(result, inputs),
      durationMs: wallTimeMs(result),
      stages: stageFacts(result),
      versions: installedVersions(),
    },
    warnings: [...new Set(result.warnings)],
  };
}

function usableCount({ rowCount }: ScanResult, quarantine: readonly QuarantineSummary[]): number {
  return quarantine.reduce((left, { count }) => left - count, rowCount);
}

function summarizeTasks({ result, dataset, values, selection }: FinishedRun): TaskSummary[] {
  const { allocation } = result.methods.find(({ method }) => method === selection.method)!;
  const { config } = result;
  const auto = allocateMethod({ config, method: AUTO_METHOD, tasks: values.tasks, allRowCount: dataset.rowCount });
  return dataset.tasks.map(({ task, rowCount, usableCount: readable }) => {
    const value = values.tasks.find((other) => other.task === task);
    const allocated = allocation.tasks.find((other) => other.task === task);
    const selected = selection.tasks.find((other) => other.task === task);
    const usable = value?.rowCount ?? readable;
    return {
      task,
      rowCount,
      usableCount: usable,
      quarantinedCount: rowCount - usable,
      value: value?.value ?? null,
      interval: value?.interval ?? null,
      meanLoss: value?.meanLoss ?? null,
      meanSupervisedTokens: value?.meanSupervisedTokens ?? null,
      share: allocated?.share ?? null,
      ideal: allocated?.ideal ?? null,
      quota: allocated?.quota ?? null,
      autoQuota: auto.tasks.find((other) => other.task === task)?.quota ?? null,
      selectedCount: selected?.selected ?? 0,
      copyCount: selected?.copies ?? 0,
      effectiveShare: selected?.effectiveShare ?? null,
    };
  });
}
