// Generated answers of test rows, and what they score: exact match, or a scorer of the user's own.
import { Context } from '@temporalio/activity';
import { normaliseAnswer } from '../../algorithms/normalise-answer.ts';
import type { Config } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { IMAGE_PLACEHOLDER } from '../../dataset/forms/conversation.ts';
import type { Turn } from '../../dataset/forms/conversation.ts';
import { WINDOW_ROWS } from '../../dataset/rows/micro-batches.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { changedRow, RowReader } from '../../dataset/rows/row-reader.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import type { Scorer } from '../../model/engine.ts';
import type { UsableRow } from '../../tables/rows.ts';
import type { ExampleSource } from '../shared/examples.ts';
import { keepBeating } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { workAhead } from '../shared/work-ahead.ts';
import { runScorer, scorerHash } from './answer-scorer.ts';
import type { AskedAnswer } from './answer-scorer.ts';
import { askedBatches } from './short-answers.ts';
import type { ShortTask } from './short-answers.ts';

/** Named in addresses: raised where the same model gives or scores other answers. */
const GENERATION_VERSION = 1;

/** Tokens up to which answers are short, where a run of an earlier version does not say. */
const ANSWER_TOKENS = 32;

/** How a config's answers are generated and scored. */
export interface Generation {
  answerTokens: number;
  /** Executables by task. */
  scorers: ReadonlyMap<string, string>;
}

/** Null where none are generated. */
export function generationOf({ evaluation }: Config): Generation | null {
  const { generate = false, answerTokens = ANSWER_TOKENS, scorers = null } = evaluation;
  return generate ? { answerTokens, scorers: new Map(Object.entries(scorers ?? {})) } : null;
}

/**
 * What of it an evaluation's address covers: nothing where no answers are generated.
 * @throws InvalidConfigError where a scorer cannot be executed
 */
export async function generationDeterminants(config: Config): Promise<object> {
  const generation = generationOf(config);
  if (generation === null) return {};
  const { answerTokens, scorers } = generation;
  const hashes: [string, string][] = [];
  for (const [task, path] of scorers) hashes.push([task, await scorerHash(task, path)]);
  return { generation: { version: GENERATION_VERSION, answerTokens, scorers: Object.fromEntries(hashes) } };
}

/** That every task with a scorer of its own has short answers. @throws InvalidConfigError naming one that has not */
export function requireScored({ scorers, answerTokens }: Generation, short: readonly ShortTask[]): void {
  const tasks = short.map(({ task }) => task);
  const other = [...scorers.keys()].find((task) => !tasks.includes(task));
  if (other === undefined) return;
  throw new InvalidConfigError(
    `evaluation.scorers: tasks must be those whose test answers are short, ${tasks.join(', ') || 'none'}, ` +
      `got ${JSON.stringify(other)}; raise evaluation.answer_tokens above ${answerTokens}, or leave it out`,
  );
}

/** What a model has answered a row. */
export interface AnsweredRow {
  row: UsableRow;
  text: string;
}

/** What the rows are asked with. */
export interface AskedModel {
  scorer: Scorer;
  source: ExampleSource;
  /** Usable test rows, by position: their windows decide with which pictures theirs are encoded. */
  table: readonly UsableRow[];
  tokenBudget: number;
}

/**
 * Answers of the model to the rows of short tasks, batch by batch.
 * @param advance told after each batch how many rows it had
 */
export async function answerRows(
  { scorer, source, table, tokenBudget }: AskedModel,
  short: readonly ShortTask[],
  advance: (rowCount: number) => Promise<void>,
): Promise<AnsweredRow[]> {
  const answered: AnsweredRow[] = [];
  const batches = short.flatMap((task) => askedBatches(task, tokenBudget));
  const windows = [...new Set(batches.map(({ window }) => window))].sort((left, right) => left - right);
  for (const window of windows) {
    const rows = table.slice(window * WINDOW_ROWS, (window + 1) * WINDOW_ROWS);
    const scope = await source.scope(`test window ${window}`, rows);
    const found = workAhead(
      batches.filter((batch) => batch.window === window),
      {
        load: (batch) => source.examples(batch.rows, scope),
        work: ({ mostTokens }, examples) => scorer.generate(examples, { mostTokens, stopsAtEnd: source.endsAnswers }),
        ahead: source.ahead,
      },
    );
    for await (const [batch, answers] of found) {
      answers.forEach(({ ids, hasEnded, text }, place) => {
        const own = hasEnded ? ids.subarray(0, -1) : ids;
        answered.push({ row: batch.rows[place]!, text: (text ?? source.textOf?.(own) ?? '').trim() });
      });
      await advance(batch.rows.length);
    }
  }
  return answered;
}

/** A generated answer and what it scores. */
export interface ScoredAnswer {
  text: string;
  /** Whether it is the row's own after normalisation. */
  isRight: boolean;
  /** In [0, 1]: of exact match, or of the task's own scorer. */
  score: number;
}

/**
 * Scores of answers by row index.
 * @throws InvalidConfigError where a scorer of the user's own does not do as it must
 * @throws InvalidDatasetError where a row is no longer what the dataset stage saw
 */
export async function scoreAnswers(
  answered: readonly AnsweredRow[],
  { scorers }: Generation,
  dataset: LocalDataset,
  pulse: Pulse,
): Promise<Map<number, ScoredAnswer>> {
  const asked = await readAsked(answered, dataset, pulse);
  const scores = new Map<number, ScoredAnswer>();
  for (const { id, reference, answer } of asked) {
    const isRight = normaliseAnswer(answer) === normaliseAnswer(reference);
    scores.set(id, { text: answer, isRight, score: Number(isRight) });
  }
  for (const [task, path] of scorers) {
    const own = asked.filter((row) => row.task === task);
    for (const [id, score] of await ownScores(path, task, own, pulse)) scores.set(id, { ...scores.get(id)!, score });
  }
  return scores;
}

async function ownScores(path: string, task: string, rows: readonly AskedAnswer[], pulse: Pulse) {
  const stop = new AbortController();
  const { log } = Context.current();
  try {
    const scoring = runScorer(path, task, rows, { signal: stop.signal, log: (line) => log.info(line) });
    return await keepBeating(pulse, scoring);
  } finally {
    stop.abort();
  }
}

/** The rows with their texts as they stand in the dataset, by row index. */
async function readAsked(
  answered: readonly AnsweredRow[],
  dataset: LocalDataset,
  pulse: Pulse,
): Promise<AskedAnswer[]> {
  const reader = RowReader.over(dataset);
  const asked: AskedAnswer[] = [];
  try {
    for (const { row, text: answer } of answered) {
      const read = (await reader.at(row)).row;
      if (isRejection(read)) throw changedRow(row, read.detail);
      asked.push({ id: row.rowIndex, task: row.task, ...lastExchange(read.promptTurns), answer });
      await pulse.pause();
    }
  } finally {
    await reader.close();
  }
  return asked.sort((left, right) => left.id - right.id);
}

/** The last answer that is learned, and the turn before it. */
export function lastExchange(turns: readonly Turn[]): Pick<AskedAnswer, 'question' | 'reference'> {
  const place = turns.findLastIndex(({ role, masked }) => role === 'gpt' && masked !== true);
  const question = turns[place - 1]?.value ?? '';
  return { question: question.replaceAll(IMAGE_PLACEHOLDER, '').trim(), reference: turns[place]?.value ?? '' };
}
