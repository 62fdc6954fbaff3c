// Which tasks have short answers, and in which batches their rows are asked.
import { WINDOW_ROWS } from '../../dataset/rows/micro-batches.ts';
import type { UsableRow } from '../../tables/rows.ts';

/** Share of a task's answers that must be short. */
const SHORT_SHARE = 0.95;

/** Tokens that a generated answer may be longer than the longest of its task. */
const MARGIN_TOKENS = 8;

/** A generated answer is at most so many times as long as a short one. */
const MOST_TIMES = 4;

/** Rows that are asked together. */
const MOST_ROWS = 64;

/** Padded tokens that are asked together: keys and values of all layers are kept, as scoring does not. */
const MOST_TOKENS = 4096;

/** A test row with the length of its last answer. */
export interface CountedRow {
  row: UsableRow;
  lastAnswerTokenCount: number;
}

/** A task whose answers are short. */
export interface ShortTask {
  task: string;
  /** Rows that are asked: those that were not cut. */
  rows: CountedRow[];
  /** Tokens after which a generated answer is cut: of the longest one and a margin, bounded. */
  mostTokens: number;
}

/** Rows that are asked together: of one task and one planning window, of similar length. */
export interface AskedBatch {
  /** Number of the window, which decides with which pictures theirs are encoded. */
  window: number;
  rows: UsableRow[];
  mostTokens: number;
}

/**
 * Tasks of which at least 95 % of the test rows have a last answer of at most so many tokens, its end included. A row
 * that is cut at the longest length counts as long, and is not asked.
 */
export function shortTasks(counted: readonly CountedRow[], answerTokens: number): ShortTask[] {
  const tasks = new Map<string, CountedRow[]>();
  for (const one of counted) {
    const rows = tasks.get(one.row.task);
    if (rows === undefined) tasks.set(one.row.task, [one]);
    else rows.push(one);
  }
  return [...tasks].flatMap(([task, rows]) => {
    const asked = rows.filter(({ row }) => !row.truncated);
    const shortCount = asked.filter((one) => one.lastAnswerTokenCount <= answerTokens).length;
    if (shortCount === 0 || shortCount < SHORT_SHARE * rows.length) return [];
    const longest = asked.reduce((most, one) => Math.max(most, one.lastAnswerTokenCount), 0);
    return [{ task, rows: asked, mostTokens: Math.min(longest + MARGIN_TOKENS, MOST_TIMES * answerTokens) }];
  });
}

/**
 * The batches in which the rows of a short task are asked: by the length of what stands before the answer, so that
 * rows × (longest + most) stays within the budget, at least one row. Follows from the rows alone.
 */
export function askedBatches({ rows, mostTokens }: ShortTask, tokenBudget: number): AskedBatch[] {
  const most = Math.min(tokenBudget, MOST_TOKENS);
  const windows = new Map<number, CountedRow[]>();
  for (const one of rows) {
    const window = Math.floor(one.row.position / WINDOW_ROWS);
    windows.set(window, [...(windows.get(window) ?? []), one]);
  }
  const promptOf = ({ row, lastAnswerTokenCount }: CountedRow): number => row.tokenCount - lastAnswerTokenCount;
  return [...windows].flatMap(([window, own]) => {
    own.sort((left, right) => promptOf(left) - promptOf(right) || left.row.position - right.row.position);
    const batches: AskedBatch[] = [];
    let open: UsableRow[] = [];
    for (const one of own) {
      const isFull = open.length === MOST_ROWS || (open.length + 1) * (promptOf(one) + mostTokens) > most;
      if (open.length > 0 && isFull) {
        batches.push({ window, rows: open, mostTokens });
        open = [];
      }
      open.push(one.row);
    }
    return [...batches, { window, rows: open, mostTokens }];
  });
}
