import type { EvaluateInput, EvaluationResult, TaskScore } from '../../contracts/messages/training.ts';
import { WINDOW_ROWS } from '../../dataset/rows/micro-batches.ts';
import { disposeAdapter, toTensors } from '../../model/adapter.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import { scoreExamples } from '../../model/tensorflow/evaluate.ts';
import type { Outcome } from '../../model/tensorflow/evaluate.ts';
import { artifactFolder, stageAddress } from '../../store/addresses.ts';
import type { Json } from '../../store/addresses.ts';
import { findArtifact, finishArtifact, readManifest } from '../../store/artifacts.ts';
import { tableSchema } from '../../tables/schemas.ts';
import { writeTable } from '../../tables/arrow-file.ts';
import type { TableRows } from '../../tables/arrow-file.ts';
import { evaluationDataset, loaderOf } from '../shared/compute-context.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { ExampleSource } from '../shared/examples.ts';
import { modelFingerprint } from '../shared/fingerprints.ts';
import { keepBeating, startPulse } from '../shared/heartbeat.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { countRows } from '../shared/metrics.ts';
import { usableRows } from '../../tables/row-table.ts';
import type { TableRow } from '../../tables/row-table.ts';

/** What the artifact says beside its table. */
type EvaluationDetails = Pick<EvaluationResult, 'tasks' | 'macroAccuracy' | 'meanLoss'>;

interface ScoredRow extends Outcome {
  row: TableRow;
}

/** Stage evaluation: test rows and adapter → each row's outcome, and scores per task. */
export function createEvaluationActivities({ openStore, models }: ComputeDependencies) {
  return {
    async evaluateModel({ config, rows, adapter }: EvaluateInput): Promise<EvaluationResult> {
      const pulse = startPulse('evaluation', 'test rows');
      const store = openStore(config.store.uri);
      const { description: engine } = await models.engine(config.model);
      const { template, imageAspect } = config.model;
      const determinants = {
        rows: rows.sha256,
        adapter: adapter?.sha256 ?? null,
        model: await modelFingerprint(config.model.path),
        prompt: { template, imageAspect, cutoffLen: config.gradients.cutoffLen },
        engine: { ...engine },
      };
      const address = stageAddress('evaluation', determinants);
      const found = await findArtifact(store, 'evaluation', address);
      if (found !== null) {
        const details = (await readManifest(store, found)).details as unknown as EvaluationDetails;
        return { ...details, outcomes: found, cached: true };
      }
      const model = await models.model(config.model, () => pulse.breathe());
      const tensors =
        adapter === null ? null : toTensors(await readAdapter(await store.localFolder(adapter.uri), model.config.text));
      const dataset = await keepBeating(pulse, localDataset(openStore, evaluationDataset(config), rows));
      const source = new ExampleSource(model, await loaderOf(config, dataset));
      const scored: ScoredRow[] = [];
      try {
        const table: TableRow[] = [];
        for await (const row of usableRows(store, rows)) table.push(row);
        for (const { index, rows: windowRows, batches } of windowsOf(table)) {
          const scope = await source.scope(`test window ${index}`, windowRows);
          for (const batch of batches) {
            const outcomes = scoreExamples(model, tensors, await source.examples(batch, scope));
            batch.forEach((row, place) => scored.push({ row, ...outcomes[place]! }));
            countRows('evaluation', batch.length);
            await pulse.committed(scored.length, table.length);
          }
        }
      } finally {
        if (tensors !== null) disposeAdapter(tensors);
        await source.close();
      }
      scored.sort((left, right) => left.row.rowIndex - right.row.rowIndex);
      const details = score(scored);
      const file = await writeTable(
        store,
        artifactFolder('evaluation', address),
        'outcomes.arrow',
        tableSchema('outcomes'),
        [outcomeTable(scored)],
      );
      const outcomes = await finishArtifact(store, 'evaluation', address, {
        determinants,
        files: [file],
        rowCount: file.rowCount,
        details: details as unknown as Json,
      });
      return { ...details, outcomes, cached: false };
    },
  };
}

/** Planning windows with their micro-batches, as the dataset stage planned them. */
function* windowsOf(table: readonly TableRow[]): Generator<{ index: number; rows: TableRow[]; batches: TableRow[][] }> {
  for (let start = 0; start < table.length; start += WINDOW_ROWS) {
    const rows = table.slice(start, start + WINDOW_ROWS);
    const batches = new Map<number, TableRow[]>();
    for (const row of rows) batches.set(row.microBatch, [...(batches.get(row.microBatch) ?? []), row]);
    yield { index: start / WINDOW_ROWS, rows, batches: [...batches.values()] };
  }
}

function score(scored: readonly ScoredRow[]): EvaluationDetails {
  const tasks = new Map<string, TaskScore>();
  for (const { row, loss, correct } of scored) {
    const line = tasks.get(row.task) ?? { task: row.task, rowCount: 0, correctCount: 0, meanLoss: 0 };
    line.rowCount += 1;
    line.correctCount += correct ? 1 : 0;
    line.meanLoss += loss;
    tasks.set(row.task, line);
  }
  const lines = [...tasks.values()].map((line) => ({ ...line, meanLoss: line.meanLoss / line.rowCount }));
  lines.sort((left, right) => (left.task < right.task ? -1 : 1));
  const meanLoss = scored.reduce((sum, { loss }) => sum + loss, 0) / scored.length;
  const macroAccuracy =
    lines.reduce((sum, { correctCount, rowCount }) => sum + correctCount / rowCount, 0) / lines.length;
  return { tasks: lines, macroAccuracy, meanLoss };
}

function outcomeTable(scored: readonly ScoredRow[]): TableRows {
  return {
    rowCount: scored.length,
    columns: {
      row_index: Uint32Array.from(scored, ({ row }) => row.rowIndex),
      task: scored.map(({ row }) => row.task),
      loss: Float64Array.from(scored, ({ loss }) => loss),
      correct: scored.map(({ correct }) => correct),
    },
  };
}
