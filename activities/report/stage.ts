import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { ReportInput, ReportResult, RunResult } from '../../contracts/messages/run.ts';
import type { SelectionResult } from '../../contracts/messages/selection.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import type { ArtifactReference, FileReference } from '../../contracts/references.ts';
import type { EngineSummary, QuarantineSummary, RunSummary, StageFacts, TaskSummary } from '../../contracts/summary.ts';
import type { Stage } from '../../contracts/stages.ts';
import { renderReport } from '../../report/report.ts';
import { verdict } from '../../report/verdict.ts';
import { artifactFolder, canonicalJson, sha256, stageAddress } from '../../store/addresses.ts';
import type { Json } from '../../store/addresses.ts';
import { finishArtifact, readManifest } from '../../store/artifacts.ts';
import type { ByteChunks, Store } from '../../store/store.ts';
import type { EngineDescription } from '../../model/engine.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { summarizeEvaluation } from './evaluation-summary.ts';
import { readExamples } from './example-rows.ts';
import { installedVersions, runManifest, tasksCsv } from './files.ts';
import { summarizeRows } from './row-summary.ts';
import { readSpace } from '../values/space.ts';
import { readTraining } from './training-curves.ts';
import { QUARANTINE_FILE, streamAllQuarantine, summarizeQuarantine } from './quarantine.ts';
import { scanValues } from './value-summary.ts';
import { readCopies } from '../../tables/selection-copies.ts';

/** Stage report: everything that the run has found → one page, the task table, the manifest, the quarantined rows. */
export function createReportActivities({ openStore }: ControlDependencies) {
  return {
    /**
     * Writes `report.html`, `tasks.csv`, `manifest.json` and `quarantine.jsonl`. It shows times, so it is made anew each
     * time and its address covers the whole summary.
     * @throws RangeError where the run has no selection yet
     */
    async writeReport({ result }: ReportInput): Promise<ReportResult> {
      const pulse = startPulse('report', 'report');
      const store = openStore(result.config.store.uri);
      const run = finished(result);
      const inputs = await readInputs(store, result);
      const summary = await summarize(store, run, inputs, openStore, pulse);
      const determinants = { summary: sha256(canonicalJson(summary as unknown as Json)) };
      const address = stageAddress('report', determinants);
      const folder = artifactFolder('report', address);
      const write = async (name: string, content: string | ByteChunks): Promise<FileReference> => {
        const written = await store.write(
          `${folder}/${name}`,
          typeof content === 'string' ? [Buffer.from(content)] : content,
        );
        return { name, ...written, rowCount: 0 };
      };
      const files = [
        await write('report.html', renderReport(summary)),
        await write('tasks.csv', tasksCsv(summary)),
        await write('manifest.json', runManifest(summary, inputs)),
        await write(QUARANTINE_FILE, streamAllQuarantine(store, result)),
      ];
      const content = { determinants, files, rowCount: 0, details: null };
      const { sentence, remarks } = verdict(summary);
      return { report: await finishArtifact(store, 'report', address, content), verdict: [sentence, ...remarks] };
    },
  };
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
  inputs: ReadonlyMap<string, Json>,
  openStore: ControlDependencies['openStore'],
  pulse: Pulse,
): Promise<RunSummary> {
  const { result, dataset, values, selection } = run;
  const { config } = result;
  const copies = await readCopies(store, selection.selection);
  const { instanceValues, candidates } = await scanValues(store, values.values, copies, config, pulse);
  const quarantine = await summarizeQuarantine(store, result);
  const { gradientNorms, bias } = await summarizeRows(store, run, copies, openStore, pulse);
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
    instanceValues,
    gradientNorms,
    space: await readSpace(store, values.values, copies),
    bias,
    training: await readTraining(store, result),
    evaluation: await summarizeEvaluation(store, result),
    quarantine,
    examples: await readExamples(store, dataset.rows, candidates, config, openStore, pulse),
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
      selectedCount: selected?.selected ?? 0,
      copyCount: selected?.copies ?? 0,
      effectiveShare: selected?.effectiveShare ?? null,
    };
  });
}

/** The artifacts that a stage has made, with a name for each where there are several. */
function artifactsOf(result: RunResult, stage: Stage): StageFacts['artifacts'] {
  const { dataset, evaluationRows, warmup, gradients, values, methods, baseEvaluation } = result;
  const named = (name: string, reference: ArtifactReference | undefined, cached = false) =>
    reference === undefined ? [] : [{ name, reference, cached }];
  switch (stage) {
    case 'dataset':
      return [
        ...named('rows', dataset?.rows, dataset?.cached),
        ...named('test rows', evaluationRows?.rows, evaluationRows?.cached),
      ];
    case 'warmup':
      return named('adapter', warmup?.adapter, warmup?.cached);
    case 'gradients':
      return named('gradients', gradients?.gradients, gradients?.cached);
    case 'values':
      return named('values', values?.values, values?.cached);
    case 'selection':
      return methods.flatMap(({ method, selection }) => named(method, selection?.selection, selection?.cached));
    case 'finetune':
      return methods.flatMap(({ method, finetune }) => named(method, finetune?.adapter, finetune?.cached));
    case 'evaluation':
      return [
        ...methods.flatMap(({ method, evaluation }) => named(method, evaluation?.outcomes, evaluation?.cached)),
        ...named('base model', baseEvaluation?.outcomes, baseEvaluation?.cached),
      ];
    case 'allocation':
    case 'report':
      return [];
  }
}

function stageFacts(result: RunResult): StageFacts[] {
  const past = result.stages.filter(({ stage }) => stage !== 'report');
  return past.map(({ stage, state, detail, durationMs }) => ({
    stage,
    state,
    detail,
    durationMs,
    artifacts: artifactsOf(result, stage),
  }));
}

function wallTimeMs({ stages }: RunResult): number | null {
  const ended = stages.flatMap(({ startedAtMs, durationMs }) =>
    startedAtMs === null || durationMs === null ? [] : [{ startedAtMs, endedAtMs: startedAtMs + durationMs }],
  );
  if (ended.length === 0) return null;
  return (
    Math.max(...ended.map(({ endedAtMs }) => endedAtMs)) - Math.min(...ended.map(({ startedAtMs }) => startedAtMs))
  );
}

/** What each artifact of the run is determined by, by its folder. */
async function readInputs(store: Store, result: RunResult): Promise<ReadonlyMap<string, Json>> {
  const inputs = new Map<string, Json>();
  for (const { artifacts } of stageFacts(result)) {
    for (const { reference } of artifacts)
      inputs.set(reference.uri, (await readManifest(store, reference)).determinants);
  }
  return inputs;
}

/** The engine that took the gradients: a part of what determines them. */
function engineOf({ gradients }: RunResult, inputs: ReadonlyMap<string, Json>): EngineSummary | null {
  const { engine } = ((gradients === null ? null : inputs.get(gradients.gradients.uri)) ?? {}) as {
    engine?: EngineDescription;
  };
  if (engine === undefined) return null;
  const settings = [
    engine.instructionSet,
    `oneDNN ${engine.oneDnn ? 'on' : 'off'}`,
    ...(engine.tf32 ? ['TF32'] : []),
  ].join(', ');
  return { engine: engine.engine, libraryVersion: engine.libraryVersion, device: engine.device, settings };
}
