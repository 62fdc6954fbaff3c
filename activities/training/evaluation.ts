// Stage evaluation: test rows and adapter → each row's outcome, and scores per task.
import type { EvaluateInput, EvaluationResult, TaskScore } from '../../contracts/messages/training.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Config } from '../../contracts/config.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import { WINDOW_ROWS } from '../../dataset/rows/micro-batches.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import type { EngineModel, Outcome } from '../../model/engine.ts';
import { canonicalJson } from '../../store/addresses.ts';
import { verifiedFolder } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import { outcomesTable } from '../../tables/outcomes.ts';
import type { OutcomesBatch, OutcomesDetails } from '../../tables/outcomes.ts';
import { readUsableRows } from '../../tables/rows.ts';
import type { UsableRow } from '../../tables/rows.ts';
import { evaluationDataset, examplesOf } from '../shared/compute-context.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import type { ExampleSource } from '../shared/examples.ts';
import { modelFingerprint } from '../shared/fingerprints.ts';
import { keepBeating, startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { localDataset } from '../shared/local-dataset.ts';
import { countRows } from '../shared/metrics.ts';
import { makeOutput, outputPlace } from '../shared/stage-output.ts';
import type { OutputPlace } from '../shared/stage-output.ts';
import { HeldSource } from './held-source.ts';
import { workAhead } from '../shared/work-ahead.ts';

interface ScoredRow extends Outcome {
  row: UsableRow;
}

export function createEvaluationActivities({ openStore, models }: ComputeDependencies) {
  const held = new HeldSource();
  return {
    async evaluateModel(input: EvaluateInput): Promise<EvaluationResult> {
      const pulse = startPulse('evaluation', 'test rows');
      const store = openStore(input.config.store.uri);
      const place = await evaluationPlace(input, models);
      const { reference, details, cached } = await makeOutput(store, place, async () => {
        const model = await models.model(input.config, () => pulse.breathe());
        const given = localDataset(openStore, evaluationDataset(input.config), input.rows);
        const dataset = await keepBeating(pulse, given);
        const key = canonicalJson({ rows: input.rows.sha256, ...exampleSettings(input.config) });
        const scored = await held.use(
          { key, model, dataset },
          () => examplesOf(input.config, dataset, model, models),
          (source) => scoreRows(store, model, source, input, pulse),
        );
        const file = await outcomesTable.write(store, place.folder, [outcomesBatch(scored)]);
        return { files: [file], details: score(scored) };
      });
      return { ...details, outcomes: reference, cached };
    },
  };
}

async function evaluationPlace(
  { config, rows, adapter }: EvaluateInput,
  models: ComputeDependencies['models'],
): Promise<OutputPlace> {
  const { description: engine } = await models.engine(config.model);
  return outputPlace('evaluation', {
    rows: rows.sha256,
    adapter: adapter?.sha256 ?? null,
    model: await modelFingerprint(config.model.path),
    ...settingsOf('evaluation', config),
    engine: { ...engine },
  });
}

/** What of a config decides how a row becomes an example. */
function exampleSettings({ model, gradients: { cutoffLen } }: Config) {
  return { model, cutoffLen };
}

/** Outcomes of all usable test rows, by row index. */
async function scoreRows(
  store: Store,
  model: EngineModel,
  source: ExampleSource,
  { rows, adapter }: EvaluateInput,
  pulse: Pulse,
): Promise<ScoredRow[]> {
  const scorer = model.openScoring(adapter === null ? null : await adapterAt(store, adapter, model));
  const scored: ScoredRow[] = [];
  try {
    const table = await readUsableRows(store, rows);
    for (const { index, rows: windowRows, batches } of windowsOf(table)) {
      const scope = await source.scope(`test window ${index}`, windowRows);
      const found = workAhead(batches, {
        load: (batch) => source.examples(batch, scope),
        work: (_, examples) => scorer.score(examples),
        ahead: source.ahead,
      });
      for await (const [batch, outcomes] of found) {
        batch.forEach((row, place) => scored.push({ row, ...outcomes[place]! }));
        countRows('evaluation', batch.length);
        await pulse.committed(scored.length, table.length);
      }
    }
  } finally {
    scorer.dispose();
  }
  return scored.sort((left, right) => left.row.rowIndex - right.row.rowIndex);
}

async function adapterAt(store: Store, adapter: ArtifactReference, { decoder }: EngineModel) {
  return readAdapter(await verifiedFolder(store, adapter), decoder.layers);
}

/** Planning windows with their micro-batches, as the dataset stage planned them. */
function* windowsOf(
  table: readonly UsableRow[],
): Generator<{ index: number; rows: UsableRow[]; batches: UsableRow[][] }> {
  for (let start = 0; start < table.length; start += WINDOW_ROWS) {
    const rows = table.slice(start, start + WINDOW_ROWS);
    const batches = new Map<number, UsableRow[]>();
    for (const row of rows) batches.set(row.microBatch, [...(batches.get(row.microBatch) ?? []), row]);
    yield { index: start / WINDOW_ROWS, rows, batches: [...batches.values()] };
  }
}

function score(scored: readonly ScoredRow[]): OutcomesDetails {
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

function outcomesBatch(scored: readonly ScoredRow[]): OutcomesBatch {
  return {
    rowCount: scored.length,
    rowIndex: Uint32Array.from(scored, ({ row }) => row.rowIndex),
    task: scored.map(({ row }) => row.task),
    loss: Float64Array.from(scored, ({ loss }) => loss),
    correct: scored.map(({ correct }) => correct),
  };
}
