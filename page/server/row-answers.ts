// Answers about the rows of a run: a page of them, and everything of one.
import { relative } from 'node:path';
import type { RunFolder } from '../../client/runs/run-folder.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { IMAGE_PLACEHOLDER } from '../../dataset/forms/conversation.ts';
import type { ParsedRow } from '../../dataset/rows/parse-row.ts';
import { idName } from '../../dataset/rows/row-names.ts';
import type { AllRows, NearRow, RowLine, RowPage, RowQuery, RowView } from '../api.ts';
import { Nearest } from './nearest.ts';
import { RefusedError } from './problems.ts';
import { RowReading } from './row-reading.ts';
import { filterRows, pageOf } from './row-query.ts';
import { RowSearch } from './row-search.ts';
import { EXCLUDED, readRowTable, STATES } from './row-table.ts';
import type { RowTable } from './row-table.ts';

/** Letters of a text in a list. */
const SHOWN_LETTERS = 200;

/** What an answer may take for reading texts. */
const SEARCH_MS = 400;

/** Searches whose findings are remembered. */
const MOST_SEARCHES = 8;

/** Rows that a person chose. */
export interface ChosenRows {
  /** Ascending where a filter chose them. */
  rows: number[];
  /** Others that the filter wants, but that cannot be used. */
  setAsideCount: number;
}

/** The rows of one run. */
export class RunRows {
  readonly #result: RunResult;
  readonly #table: RowTable;
  readonly #reading: RowReading;
  readonly #counts: Pick<RowPage, 'tasks' | 'reasons'>;
  readonly #searches: RowSearch[] = [];
  #isClosed = false;
  readonly #nearest: Nearest;

  private constructor(result: RunResult, table: RowTable, reading: RowReading) {
    this.#result = result;
    this.#table = table;
    this.#reading = reading;
    this.#nearest = new Nearest(result);
    this.#counts = {
      tasks: table.task.counts().map(({ word, count }) => ({ task: word, count })),
      reasons: table.reason.counts().map(({ word, count }) => ({ reason: word, count })),
    };
  }

  static async open(result: RunResult, folder: RunFolder): Promise<RunRows> {
    const table = await readRowTable(result, folder);
    void table.orders.prepare();
    return new RunRows(result, table, await RowReading.open(result, table));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#nearest.close();
    await this.#reading.close();
  }

  /** The part of the rows that a query wants. */
  async page(query: RowQuery): Promise<RowPage> {
    const wanted = filterRows(this.#table, query);
    const isPartial =
      query.text === undefined ? false : await this.#search(query.text).narrow(wanted, Date.now() + SEARCH_MS);
    const { total, rows } = pageOf(this.#table, wanted, query);
    const lines = await Promise.all(rows.map(async (row) => this.#line(row, await this.#reading.row(row))));
    return { total, all: this.#table.rowCount, rows: lines, ...this.#counts, isPartial };
  }

  /** All rows that conditions want, in their order: a search in texts reads to its end, while others are answered. */
  async all({ filter, except }: AllRows): Promise<ChosenRows> {
    const wanted = filterRows(this.#table, filter);
    if (filter.text !== undefined) {
      const search = this.#search(filter.text);
      // What a part has not read it takes out, so each begins with all.
      let part = wanted.slice();
      while (await search.narrow(part, Date.now() + SEARCH_MS)) part = wanted.slice();
      // Of files that were closed meanwhile nothing was read.
      if (this.#isClosed) throw new RefusedError(409, 'rows: run must stay in memory, got others since; ask again');
      wanted.set(part);
    }
    for (const row of except) if (row < wanted.length) wanted[row] = 0;
    const rows: number[] = [];
    let setAsideCount = 0;
    for (let row = 0; row < wanted.length; row += 1) {
      if (wanted[row] !== 1) continue;
      if (STATES[this.#table.state[row]!] === 'set_aside') setAsideCount += 1;
      else rows.push(row);
    }
    return { rows, setAsideCount };
  }

  /** Everything of one row. @throws RefusedError where there is none of the index */
  async view(index: number): Promise<RowView> {
    this.#require(index);
    const { el2n, rank, probability, task, sourceIndex, valuedCounts } = this.#table;
    const parsed = await this.#reading.row(index);
    const line = this.#line(index, parsed);
    const hasRank = !Number.isNaN(rank[index]!);
    const name = task.at(index);
    const path = this.#result.config.dataset.path[sourceIndex[index]!]!;
    return {
      ...line,
      turns: (parsed?.turns ?? []).map(({ role, value }) => ({ role, text: value })),
      el2n: known(el2n[index]!),
      rank: known(rank[index]!),
      taskRowCount: hasRank && name !== null ? (valuedCounts.get(name) ?? null) : null,
      probability: known(probability[index]!),
      why: this.#why(line, known(rank[index]!)),
      source: relative(process.cwd(), path) || path,
    };
  }

  /** The nearest rows by gradient; none of a row that was set aside. */
  async nearest(index: number, signal: AbortSignal): Promise<NearRow[]> {
    this.#require(index);
    const { state, task } = this.#table;
    if (STATES[state[index]!] === 'set_aside') return [];
    const found = await this.#nearest.of(index, signal);
    return found.map(({ rowIndex, cosine }) => ({ rowIndex, task: task.at(rowIndex), cosine }));
  }

  /** A picture of a row, drawn anew. */
  picture(index: number, picture: number, edge: number): Promise<Uint8Array<ArrayBuffer>> {
    this.#require(index);
    return this.#reading.picture(index, picture, edge);
  }

  #require(index: number): void {
    const { rowCount } = this.#table;
    if (index < rowCount) return;
    const last = (rowCount - 1).toLocaleString('en');
    throw new RefusedError(404, `row: index must be from 0 to ${last}, got ${index.toLocaleString('en')}`);
  }

  #search(text: string): RowSearch {
    const found = this.#searches.find((search) => search.text === text);
    if (found !== undefined) return found;
    const search = new RowSearch(text, this.#table.rowCount, this.#reading.turns);
    this.#searches.push(search);
    if (this.#searches.length > MOST_SEARCHES) this.#searches.shift();
    return search;
  }

  #line(index: number, parsed: ParsedRow | null): RowLine {
    const { id, task, state, reason, copies, value, loss, norm, tokens } = this.#table;
    const first = (role: 'human' | 'gpt'): string | null => {
      const turn = parsed?.turns.find((one) => one.role === role);
      return turn === undefined ? null : turn.value.replaceAll(IMAGE_PLACEHOLDER, '').trim().slice(0, SHOWN_LETTERS);
    };
    return {
      rowIndex: index,
      id: idOf(id.at(index)),
      task: task.at(index),
      state: STATES[state[index]!]!,
      reason: reason.at(index),
      copies: copies[index]!,
      value: known(value[index]!),
      loss: known(loss[index]!),
      norm: known(norm[index]!),
      tokens: tokens[index]!,
      pictureCount: parsed?.images.length ?? 0,
      question: first('human'),
      answer: first('gpt'),
    };
  }

  #why({ state, reason, copies, value, task }: RowLine, rank: number | null): string {
    const method = this.#result.methods[0]?.method ?? null;
    const place =
      rank === null
        ? ''
        : `; it is number ${rank.toLocaleString('en')} by value of the rows of its task, ${task ?? 'none'}`;
    if (state === 'set_aside')
      return `It was set aside, since it cannot be used: ${reason ?? 'no reason is recorded'}.`;
    if (state === 'selected') {
      const often = copies === 1 ? 'once' : `${copies.toLocaleString('en')} times`;
      return `${method} drew it ${often}${place}.`;
    }
    if (reason === EXCLUDED) return 'The recipe left it out by name: dataset.exclude_rows.';
    if (method === null) return 'The run has not selected yet.';
    if (reason !== null) return `The filter ${reason} left it out before rows were drawn${place}.`;
    if (value === null) return 'It has no value: its task is not among those that rows are taken of.';
    return `${method} did not draw it${place}.`;
  }
}

function idOf(json: string | null): string | null {
  return json === null ? null : idName(json);
}

/** JSON has no NaN. */
function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
