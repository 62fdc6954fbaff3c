// Tables of rows that are in memory: those of the last runs that were asked about.
import { RunRows } from './row-answers.ts';
import type { Runs } from './runs.ts';

/** Runs whose rows stay in memory. */
const MOST_RUNS = 2;

interface OpenRows {
  name: string;
  /** Of the result that they are of. */
  key: string;
  rows: Promise<RunRows>;
}

/** Gives the rows of runs; read once, and again when a run has another result. */
export class OpenRuns {
  readonly #runs: Runs;
  #open: OpenRows[] = [];

  constructor(runs: Runs) {
    this.#runs = runs;
  }

  /** @throws RefusedError where the run has no rows yet */
  async of(name: string): Promise<RunRows> {
    const { folder } = await this.#runs.named(name);
    const result = await this.#runs.result(name);
    const key = await this.#runs.resultKey(name);
    const found = this.#open.find((one) => one.name === name && one.key === key);
    const own = found ?? { name, key, rows: RunRows.open(result, folder) };
    const others = this.#open.filter((one) => one !== own);
    const stale = others.filter((one, index) => one.name === name || index >= MOST_RUNS - 1);
    this.#open = [own, ...others.filter((one) => !stale.includes(one))];
    if (found === undefined) own.rows.catch(() => (this.#open = this.#open.filter((one) => one !== own)));
    for (const { rows } of stale) await close(rows);
    return own.rows;
  }

  async close(): Promise<void> {
    for (const { rows } of this.#open) await close(rows);
    this.#open = [];
  }
}

/** Rows that could not be read have nothing open. */
async function close(rows: Promise<RunRows>): Promise<void> {
  await rows.then((one) => one.close()).catch(() => undefined);
}
