// What is in a dataset before any recipe, counted row by row.
import type { Reason } from '../../contracts/reasons.ts';
import { formOf } from '../forms/forms.ts';
import { parseFieldsOf, readFields } from './parse-row.ts';
import type { ParseOptions, ParsedRow } from './parse-row.ts';
import { isRejection } from './row-outcome.ts';
import type { Rejection } from './row-outcome.ts';
import { taskOf } from '../tasks/task-rules.ts';

/** A distribution by its quantiles. */
export interface Spread {
  median: number;
  /** 95th percentile. */
  high: number;
  most: number;
}

/** What is in a dataset, as far as its rows alone tell. */
export interface DatasetContents {
  rowCount: number;
  /** Rows of each form. */
  forms: Record<string, number>;
  /** Rows that have each key, the most frequent first. */
  keys: Record<string, number>;
  /** Rows of each of the row's own labels. */
  labels: Record<string, number>;
  /** Rows of each task by rules. */
  tasks: Record<(typeof RULES)[number], Record<string, number>>;
  /** Turns of a row. */
  turns: Spread | null;
  /** Characters of an answer. */
  answerLength: Spread | null;
  imageRowCount: number;
  /** Rows with each key that a trainer would heed and that is ignored here. */
  ignored: Record<string, number>;
  /** Rows that cannot be used, by reason. */
  reasons: Partial<Record<Reason, number>>;
  /** The first rows of each reason. */
  examples: { rowIndex: number; reason: Reason; detail: string }[];
}

const RULES = ['llava-1.5', 'prefix', 'single'] as const;

/** Names that are counted one by one; what comes after counts as `(others)`. */
const MOST_NAMES = 1000;
const OTHERS = '(others)';
const EXAMPLES_OF_REASON = 3;

/** Counts rows as they stream by, in bounded memory: names up to a thousand, lengths by value. */
export class DatasetInspector {
  readonly #forms = new Map<string, number>();
  readonly #keys = new Map<string, number>();
  readonly #labels = new Map<string, number>();
  readonly #tasks = RULES.map(() => new Map<string, number>());
  readonly #ignored = new Map<string, number>();
  readonly #turns = new Map<number, number>();
  readonly #answers = new Map<number, number>();
  readonly #reasons = new Map<Reason, number>();
  readonly #examples: DatasetContents['examples'] = [];
  #rowCount = 0;
  #imageRowCount = 0;

  /** @returns the row, for what else is to be looked at */
  add(bytes: Uint8Array | null, options: ParseOptions): ParsedRow | Rejection {
    const rowIndex = this.#rowCount++;
    const read = readFields(bytes);
    if (isRejection(read)) return this.#reject(rowIndex, read);
    const { fields } = read;
    for (const key of Object.keys(fields)) count(this.#keys, key);
    count(this.#forms, formOf(fields, options).name);
    const parsed = parseFieldsOf(read, options);
    if (parsed.task !== null) count(this.#labels, parsed.task);
    if (isRejection(parsed)) return this.#reject(rowIndex, parsed);
    RULES.forEach((rules, index) => count(this.#tasks[index]!, taskOf({ ...parsed, task: null }, rules)!));
    for (const key of parsed.ignored ?? []) count(this.#ignored, key);
    if (parsed.images.length > 0) this.#imageRowCount += 1;
    const { turns } = parsed;
    this.#turns.set(turns.length, (this.#turns.get(turns.length) ?? 0) + 1);
    for (const { role, value } of turns)
      if (role === 'gpt') this.#answers.set(value.length, (this.#answers.get(value.length) ?? 0) + 1);
    return parsed;
  }

  contents(): DatasetContents {
    const tasks = Object.fromEntries(RULES.map((rules, index) => [rules, record(this.#tasks[index]!)]));
    return {
      rowCount: this.#rowCount,
      forms: record(this.#forms),
      keys: record(this.#keys),
      labels: record(this.#labels),
      tasks: tasks as DatasetContents['tasks'],
      turns: spread(this.#turns),
      answerLength: spread(this.#answers),
      imageRowCount: this.#imageRowCount,
      ignored: record(this.#ignored),
      reasons: record(this.#reasons),
      examples: this.#examples,
    };
  }

  #reject(rowIndex: number, rejection: Rejection): Rejection {
    const { reason, detail } = rejection;
    const before = this.#reasons.get(reason) ?? 0;
    this.#reasons.set(reason, before + 1);
    if (before < EXAMPLES_OF_REASON) this.#examples.push({ rowIndex, reason, detail });
    return rejection;
  }
}

function count(counts: Map<string, number>, name: string): void {
  const key = counts.has(name) || counts.size < MOST_NAMES ? name : OTHERS;
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** The most frequent first, equals by name. */
function record(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)));
}

function spread(counts: ReadonlyMap<number, number>): Spread | null {
  const sorted = [...counts].sort(([left], [right]) => left - right);
  const total = sorted.reduce((sum, [, times]) => sum + times, 0);
  if (total === 0) return null;
  const quantile = (share: number): number => {
    let seen = 0;
    return sorted.find(([, times]) => (seen += times) >= share * total)![0];
  };
  return { median: quantile(0.5), high: quantile(0.95), most: sorted.at(-1)![0] };
}
