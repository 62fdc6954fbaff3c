// One run: the nine stages in order, each a pure step from references to a reference.
import { patched, setHandler, workflowInfo } from '@temporalio/workflow';
import { emptyResult } from '../contracts/messages/run.ts';
import type { RunInput, RunResult, RunSoFar } from '../contracts/messages/run.ts';
import { createContext, marked } from './context.ts';
import type { RunContext } from './context.ts';
import { compareWithLast, isUnchanged, keepRows, repeatLast } from './carry-over.ts';
import { foundQuery } from './progress.ts';
import { compareMethods } from './stages/compare.ts';
import { scanTrainingRows, scanTestRows } from './stages/dataset.ts';
import { takeEarlierGradients } from './stages/earlier-gradients.ts';
import { requireFewShards, takeGradients, takeQueryGradients } from './stages/gradients.ts';
import { keepReference, tuneReference } from './stages/reference.ts';
import { keepResult, writeReport } from './stages/report.ts';
import { narrow } from './stages/rounds.ts';
import { selectAll } from './stages/select.ts';
import { estimateValues } from './stages/values.ts';

export async function tiveRun(input: RunInput): Promise<RunResult> {
  const context = createContext(input);
  return await marked(context, async () => keepResult(context, await runStages(context)));
}

async function runStages(context: RunContext): Promise<RunResult> {
  const { input, work, compute, control, gate, progress, warnings, wants } = context;
  const { config, runName, incremental } = input;
  const result = emptyResult(input, progress.stages, warnings);
  setHandler(foundQuery, () => soFar(context, result), { description: 'What the run has found so far.' });
  const last = incremental ? await control.readLastRun({ config, runName }) : null;
  const fingerprint = incremental ? await compute.fingerprintDataset({ config }) : '';
  if (last !== null && isUnchanged(last, fingerprint, input)) return repeatLast(context, last);
  const dataset = (result.dataset = await scanTrainingRows(context));
  if (!wants('warmup')) return result;
  // Before the heavy work, which would be in vain.
  if (wants('gradients')) requireFewShards(dataset.shardCount);
  // Test rows that cannot be used are told before hours of work.
  if (work.evaluates && patched('test-rows-first')) result.evaluationRows = await scanTestRows(context);
  await gate.pass();
  const kept = last === null ? null : await keepRows(context, last, dataset, result);
  const warmup = (result.warmup =
    kept === null ? await tuneReference(context, dataset) : keepReference(context, kept.warmup));
  if (!wants('gradients')) return result;
  await gate.pass();
  const gradients = (result.gradients = await takeGradients(context, dataset, warmup, kept));
  const queries = wants('selection') ? await takeQueryGradients(context, warmup) : null;
  if (queries !== null) result.queries = queries;
  const earlier = wants('selection') ? await takeEarlierGradients(context, dataset, warmup) : null;
  if (earlier !== null) result.earlierGradients = earlier;
  if (!wants('values')) return result;
  await gate.pass();
  const values = (result.values = await estimateValues(context, dataset, gradients));
  if (!wants('allocation')) return result;
  const found = { config, dataset, gradients, queries, earlier, values };
  const { last: own, rounds } = await narrow(context, found, result.evaluationRows);
  if (rounds.length > 0) result.rounds = rounds;
  await selectAll(context, found, result.methods, own);
  if (last !== null) await compareWithLast(context, last, dataset, result);
  if (wants('finetune')) await compareMethods(context, dataset, result);
  if (wants('report')) result.report = await writeReport(context, result);
  if (incremental) {
    const startedAtMs = workflowInfo().startTime.getTime();
    await control.keepLastRun({ config, runName, last: { fingerprint, startedAtMs, result } });
  }
  return result;
}

function soFar({ input: { until }, gate: { wasPaused } }: RunContext, result: RunResult): RunSoFar {
  const { config, dataset, warmup, methods, evaluationRows, warnings } = result;
  return {
    config,
    until,
    rows: dataset && { rowCount: dataset.rowCount, usableCount: dataset.usableCount },
    testRowCount: evaluationRows?.usableCount ?? null,
    warmup,
    methods: methods.map(({ method, finetune }) => ({ method, finetune })),
    wasPaused,
    warnings,
  };
}
