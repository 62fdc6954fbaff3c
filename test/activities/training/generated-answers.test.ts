// Generated answers in the evaluation stage: the demo's own model on some of its test rows.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createDatasetActivities } from '../../../activities/dataset/stage.ts';
import { ModelHost } from '../../../activities/shared/model-host.ts';
import { createEvaluationActivities } from '../../../activities/training/evaluation.ts';
import { lastExchange } from '../../../activities/training/generated-answers.ts';
import { normaliseAnswer } from '../../../algorithms/normalise-answer.ts';
import { loadPreset } from '../../../client/recipe/recipe.ts';
import type { Checkpoint } from '../../../contracts/messages/run.ts';
import type { EvaluationResult } from '../../../contracts/messages/training.ts';
import type { Turn } from '../../../dataset/forms/conversation.ts';
import { readManifest } from '../../../store/artifacts.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { readOutcomesTable } from '../../../tables/outcomes.ts';
import { inActivity } from '../small-run.ts';
import type { Surroundings } from '../small-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-answers-'));
const store = new LocalStore(join(folder, 'store'));
const dependencies = { openStore: () => store, models: new ModelHost() };
const { scanRows } = createDatasetActivities(dependencies);
const { evaluateModel } = createEvaluationActivities(dependencies);
afterAll(async () => {
  await dependencies.models.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** Some test rows of the demo: answers yes or no, letters, and captions, which are longer. */
const TASKS = ['garment_check', 'garment_choice', 'scene_caption'];
const PER_TASK = 12;

interface DemoRow {
  dataset: string;
  conversations: { from: string; value: string }[];
}

const ROWS = TASKS.flatMap((task) => {
  const all = JSON.parse(readFileSync(loadPreset('demo').config.evaluation.path as string, 'utf8')) as DemoRow[];
  return all.filter(({ dataset }) => dataset === task).slice(0, PER_TASK);
});
const path = join(folder, 'test.json');
writeFileSync(path, JSON.stringify(ROWS));

const ON = ['evaluation.generate=true', 'evaluation.answer_tokens=6'];

async function evaluated(settings: readonly string[], around: Surroundings = {}): Promise<EvaluationResult> {
  const overrides = [`store.uri=${store.uri}`, 'model.engine=tensorflow', `evaluation.path=${path}`, ...settings];
  const { config } = loadPreset('demo', { overrides });
  const { rows } = await inActivity(scanRows, { config, source: 'evaluation' });
  return inActivity(evaluateModel, { config, rows, adapter: null }, around);
}

interface AnsweredRow {
  rowIndex: number;
  loss: number;
  correct: boolean;
  text: string | null;
  right: boolean | null;
  score: number | null;
}

async function rowsOf(evaluation: EvaluationResult): Promise<AnsweredRow[]> {
  const rows: AnsweredRow[] = [];
  for await (const batch of readOutcomesTable(store, evaluation)) {
    const generated = 'generatedText' in batch ? batch : null;
    for (let row = 0; row < batch.rowCount; row += 1) {
      rows.push({
        rowIndex: batch.rowIndex[row]!,
        loss: batch.loss[row]!,
        correct: batch.correct[row]!,
        text: generated?.generatedText[row] ?? null,
        right: generated?.generatedRight[row] ?? null,
        score: generated?.generatedScore[row] ?? null,
      });
    }
  }
  return rows;
}

const answerOf = ({ rowIndex }: AnsweredRow): string => ROWS[rowIndex]!.conversations.at(-1)!.value;
const taskOf = ({ rowIndex }: AnsweredRow): string => ROWS[rowIndex]!.dataset;

let count = 0;
/** A scorer of a task, whose lines of JavaScript score one row each. */
function scorer(body: string): string {
  const file = join(folder, `scorer-${(count += 1)}.mjs`);
  const lines = `import { createInterface } from 'node:readline';
for await (const line of createInterface({ input: process.stdin })) { const row = JSON.parse(line); ${body} }`;
  writeFileSync(file, `#!${process.execPath}\n${lines}\n`);
  chmodSync(file, 0o755);
  return file;
}

const GIVE = 'console.log(JSON.stringify({ id: row.id, score: row.answer.startsWith(row.reference) ? 0.75 : 0 }));';

describe('an evaluation that generates answers', () => {
  test('asks the rows of tasks with short ones, scores them by exact match, and leaves the others alone', async () => {
    const heartbeats: Checkpoint[] = [];
    const scored = await evaluated(ON, { heartbeats });
    const rows = await rowsOf(scored);
    expect(rows).toHaveLength(3 * PER_TASK);
    for (const row of rows) {
      const isAsked = taskOf(row) !== 'scene_caption';
      expect(row.text !== null).toBe(isAsked);
      if (!isAsked) expect(row).toMatchObject({ right: null, score: null });
      else expect(row.right).toBe(normaliseAnswer(row.text!) === normaliseAnswer(answerOf(row)));
      if (isAsked) expect(row.score).toBe(Number(row.right));
      // One answer a row: what is right teacher forced is generated.
      if (isAsked && row.correct) expect(row).toMatchObject({ right: true, text: answerOf(row) });
    }
    const sums = TASKS.map((task) => rows.filter((row) => taskOf(row) === task && row.right === true).length);
    expect(sums[0]).toBeGreaterThan(0);
    expect(scored.tasks.map(({ generated }) => generated)).toEqual([
      { rowCount: PER_TASK, scoreSum: sums[0], isOwnScorer: false },
      { rowCount: PER_TASK, scoreSum: sums[1], isOwnScorer: false },
      null,
    ]);
    expect(scored.macroGenerated).toBeCloseTo((sums[0]! + sums[1]!) / (2 * PER_TASK), 12);
    // The letters are written with and without a point: teacher forced, one of the two is wrong.
    expect(sums[1]).toBeGreaterThan(rows.filter((row) => taskOf(row) === 'garment_choice' && row.correct).length);
    const counts = heartbeats.map(({ doneCount }) => doneCount);
    expect(counts).toEqual(counts.toSorted((left, right) => left - right));
    expect(heartbeats.at(-1)).toMatchObject({ doneCount: 6 * PER_TASK, totalCount: 6 * PER_TASK });
  });

  test('scores as one that does not, whose artifact knows nothing of answers', async () => {
    const [plain, generated] = [await evaluated([]), await evaluated(ON)];
    expect(Object.keys(plain).sort()).toEqual(['cached', 'macroAccuracy', 'meanLoss', 'outcomes', 'tasks']);
    expect(Object.keys(plain.tasks[0]!).sort()).toEqual(['correctCount', 'meanLoss', 'rowCount', 'task']);
    const teacherForced = async (result: EvaluationResult) =>
      (await rowsOf(result)).map(({ rowIndex, loss, correct }) => ({ rowIndex, loss, correct }));
    expect(await teacherForced(generated)).toEqual(await teacherForced(plain));
    expect(generated.macroAccuracy).toBe(plain.macroAccuracy);
    const off = await evaluated(['evaluation.answer_tokens=6']);
    expect({ uri: off.outcomes.uri, cached: off.cached }).toEqual({ uri: plain.outcomes.uri, cached: true });
    const { determinants } = await readManifest(store, plain.outcomes);
    expect(Object.keys(determinants).sort()).toEqual(['adapter', 'engine', 'model', 'prompt', 'rows']);
  });

  test('takes the scores of one’s own scorer in place of exact match, and is made anew for another one', async () => {
    const own = scorer(GIVE);
    const settings = [...ON, `evaluation.scorers={ garment_choice: ${own} }`];
    const scored = await evaluated(settings);
    const rows = await rowsOf(scored);
    for (const row of rows.filter((one) => taskOf(one) === 'garment_choice')) {
      expect(row.score).toBe(row.text!.startsWith(answerOf(row)) ? 0.75 : 0);
      expect(row.right).toBe(normaliseAnswer(row.text!) === normaliseAnswer(answerOf(row)));
    }
    const [check, choice] = scored.tasks.map(({ generated }) => generated!);
    expect(check).toMatchObject({ isOwnScorer: false });
    const scoreSum = rows.reduce((sum, row) => sum + (taskOf(row) === 'garment_choice' ? row.score! : 0), 0);
    expect(choice).toEqual({ rowCount: PER_TASK, scoreSum, isOwnScorer: true });
    expect(await evaluated(settings)).toEqual({ ...scored, cached: true });
    writeFileSync(own, `${readFileSync(own, 'utf8')}\n`);
    const changed = await evaluated(settings);
    expect(changed.cached).toBe(false);
    expect(changed.outcomes.uri).not.toBe(scored.outcomes.uri);
  });

  test('sends heartbeats while a scorer works, and ends it where the activity is cancelled', async () => {
    const own = scorer(`await new Promise((resolve) => setTimeout(resolve, 60_000)); ${GIVE}`);
    const heartbeats: Checkpoint[] = [];
    let beats = 0;
    // One for each row that is read again, then one every half second.
    const onStart = (cancel: () => void): void => {
      const timer = setInterval(() => {
        if (heartbeats.at(-1)?.doneCount !== 6 * PER_TASK) beats = heartbeats.length;
        else if (heartbeats.length > beats + 2 * PER_TASK + 4) {
          clearInterval(timer);
          cancel();
        }
      }, 50);
    };
    const settings = [...ON, `evaluation.scorers={ garment_choice: ${own} }`];
    await expect(evaluated(settings, { heartbeats, onStart })).rejects.toThrow('CANCELLED');
  });

  test('ends in a clear error where a scorer fails, is for a task that is not asked, or is not there', async () => {
    const failing = evaluated([...ON, `evaluation.scorers={ garment_choice: ${scorer('process.exit(9);')} }`]);
    await expect(failing).rejects.toThrow(/^evaluation\.scorers\.garment_choice: must end with code 0, got 9; mend /);
    await expect(evaluated([...ON, `evaluation.scorers={ scene_caption: ${scorer(GIVE)} }`])).rejects.toThrow(
      'evaluation.scorers: tasks must be those whose test answers are short, garment_check, garment_choice, ' +
        'got "scene_caption"; raise evaluation.answer_tokens above 6, or leave it out',
    );
    const gone = scorer(GIVE);
    const settings = [...ON, `evaluation.scorers={ garment_check: ${gone} }`];
    chmodSync(gone, 0o644);
    await expect(evaluated(settings)).rejects.toThrow(/^evaluation\.scorers\.garment_check: must be executable, got /);
  });
});

describe('the exchange that is asked', () => {
  const turn = (role: Turn['role'], value: string, masked?: true): Turn => ({ role, value, ...(masked && { masked }) });

  test.each<[string, Turn[], string, string]>([
    ['one turn', [turn('human', '<image>\nWhat?'), turn('gpt', 'A cat.')], 'What?', 'A cat.'],
    ['two turns', [turn('human', 'a'), turn('gpt', 'b'), turn('human', 'c'), turn('gpt', 'd')], 'c', 'd'],
    ['one given answer', [turn('human', 'a'), turn('gpt', 'b'), turn('human', 'c'), turn('gpt', 'd', true)], 'a', 'b'],
  ])('is the last one with an answer that is learned: %s', (_, turns, question, reference) => {
    expect(lastExchange(turns)).toEqual({ question, reference });
  });
});
