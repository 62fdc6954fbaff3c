// Stage evaluation: test rows and adapter → each row's outcome, and scores per task.
import type { EvaluateInput, EvaluationResult, GeneratedScore, TaskScore } from '../../contracts/messages/training.ts';
import type { ArtifactReference, FileReference } from '../../contracts/references.ts';
import { macroGenerated } from '../../contracts/task-scores.ts';
import type { Config } from '../../contracts/config.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import { WINDOW_ROWS } from '../../dataset/rows/micro-batches.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import type { EngineModel, Outcome, Scorer } from '../../model/engine.ts';
import { canonicalJson } from '../../store/addresses.ts';
import { verifiedFolder } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import { generatedOutcomesTable, outcomesTable } from '../../tables/outcomes.ts';
import type { OutcomesBatch, OutcomesDetails } from '../../tables/outcomes.ts';
import { readTokenBudget, readUsableRows } from '../../tables/rows.ts';
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
import { answerRows, generationDeterminants, generationOf, requireScored, scoreAnswers } from './generated-answers.ts';
import type { AnsweredRow, Generation, ScoredAnswer } from './generated-answers.ts';
import { HeldSource } from './held-source.ts';
import { shortTasks } from './short-answers.ts';
import type { ShortTask } from './short-answers.ts';
import { workAhead } from '../shared/work-ahead.ts';

interface ScoredRow extends Outcome {
  row: UsableRow;
}

/** Answers of one model, by row index, and the tasks that were asked. */
interface Generated {
  scorers: Generation['scorers'];
  short: readonly ShortTask[];
  answers: ReadonlyMap<number, ScoredAnswer>;
}

export function createEvaluationActivities({ openStore, models }: ComputeDependencies) {
  const held = new HeldSource();
  return {
    async evaluateModel(input: EvaluateInput): Promise<EvaluationResult> {
      const pulse = startPulse('evaluation', 'test rows', models.pace('evaluation'));
      const store = openStore(input.config.store.uri);
      const place = await evaluationPlace(input, models);
      const { reference, details, cached } = await makeOutput(store, place, async () => {
        const model = await models.model(input.config, () => pulse.breathe());
        const given = localDataset(openStore, evaluationDataset(input.config), input.rows);
        const dataset = await keepBeating(pulse, given);
        const key = canonicalJson({ rows: input.rows.sha256, ...exampleSettings(input.config) });
        const { scored, asked } = await held.use(
          { key, model, dataset },
          () => examplesOf(input.config, dataset, model, models),
          (source) => askModel(store, model, source, input, pulse),
        );
        const generated = asked === null ? null : await scoreGenerated(asked, dataset, pulse);
        const file = await writeOutcomes(store, place.folder, scored, generated);
        return { files: [file], details: score(scored, generated) };
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
    ...(await generationDeterminants(config)),
    engine: { ...engine },
  });
}

/** What of a config decides how a row becomes an example. */
function exampleSettings({ model, gradients: { cutoffLen } }: Config) {
  return { model, cutoffLen };
}

/** What a model was asked in free text, and what it answered. */
interface Asked {
  generation: Generation;
  short: ShortTask[];
  answered: AnsweredRow[];
}

/** Outcomes of all usable test rows, by row index, and the answers of short tasks where the recipe asks for them. */
async function askModel(
  store: Store,
  model: EngineModel,
  source: ExampleSource,
  { config, rows, adapter }: EvaluateInput,
  pulse: Pulse,
): Promise<{ scored: ScoredRow[]; asked: Asked | null }> {
  const scorer = model.openScoring(adapter === null ? null : await adapterAt(store, adapter, model));
  try {
    const table = await readUsableRows(store, rows);
    const generation = generationOf(config);
    const totalCount = table.length * (generation === null ? 1 : 2);
    const scored = await scoreRows(scorer, source, table, (doneCount, batchCount) => {
      countRows('evaluation', batchCount);
      pulse.worked(batchCount);
      return pulse.committed(doneCount, totalCount);
    });
    if (generation === null) return { scored, asked: null };
    const short = shortTasks(scored, generation.answerTokens);
    requireScored(generation, short);
    // Rows that are not asked are done.
    let doneCount = totalCount - short.reduce((sum, task) => sum + task.rows.length, 0);
    const tokenBudget = await readTokenBudget(store, rows, config.gradients);
    const answered = await answerRows({ scorer, source, table, tokenBudget }, short, (rowCount) => {
      pulse.worked(rowCount);
      return pulse.committed((doneCount += rowCount), totalCount);
    });
    return { scored, asked: { generation, short, answered } };
  } finally {
    scorer.dispose();
  }
}

async function scoreRows(
  scorer: Scorer,
  source: ExampleSource,
  table: readonly UsableRow[],
  committed: (doneCount: number, batchCount: number) => Promise<void>,
): Promise<ScoredRow[]> {
  const scored: ScoredRow[] = [];
  for (const { index, rows, batches } of windowsOf(table)) {
    const scope = await source.scope(`test window ${index}`, rows);
    const found = workAhead(batches, {
      load: (batch) => source.examples(batch, scope),
      work: (_, examples) => scorer.score(examples),
      ahead: source.ahead,
    });
    for await (const [batch, outcomes] of found) {
      batch.forEach((row, place) => scored.push({ row, ...outcomes[place]! }));
      await committed(scored.length, batch.length);
    }
  }
  return scored.sort((left, right) => left.row.rowIndex - right.row.rowIndex);
}

async function scoreGenerated(
  { generation, short, answered }: Asked,
  dataset: LocalDataset,
  pulse: Pulse,
): Promise<Generated> {
  const answers = await scoreAnswers(answered, generation, dataset, pulse);
  return { scorers: generation.scorers, short, answers };
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

function score(scored: readonly ScoredRow[], generated: Generated | null): OutcomesDetails {
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
  if (generated === null) return { tasks: lines, macroAccuracy, meanLoss };
  const all = lines.map((line): TaskScore => ({ ...line, generated: generatedScore(line.task, generated) }));
  return { tasks: all, macroAccuracy, meanLoss, macroGenerated: macroGenerated(all) };
}

function generatedScore(task: string, { scorers, short, answers }: Generated): GeneratedScore | null {
  const rows = short.find((one) => one.task === task)?.rows;
  if (rows === undefined) return null;
  const scoreSum = rows.reduce((sum, { row }) => sum + answers.get(row.rowIndex)!.score, 0);
  return { rowCount: rows.length, scoreSum, isOwnScorer: scorers.has(task) };
}

function writeOutcomes(
  store: Store,
  folder: string,
  scored: readonly ScoredRow[],
  generated: Generated | null,
): Promise<FileReference> {
  const batch = outcomesBatch(scored);
  if (generated === null) return outcomesTable.write(store, folder, [batch]);
  const answers = scored.map(({ row }) => generated.answers.get(row.rowIndex));
  const columns = {
    generatedText: answers.map((answer) => answer?.text ?? null),
    generatedRight: answers.map((answer) => answer?.isRight ?? null),
    generatedScore: answers.map((answer) => answer?.score ?? null),
  };
  return generatedOutcomesTable.write(store, folder, [{ ...batch, ...columns }]);
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
