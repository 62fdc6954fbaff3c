// How many rows a second this process has worked through of late.
import type { Stage } from '../../contracts/stages.ts';

/** What the pace is taken over: long enough for slow batches, short enough to be of now. */
const WINDOW_MS = 60_000;
const LEAST_MS = 3000;

/** A pace over the last minute. Times are milliseconds of one clock. */
export class Pace {
  /** When rows were done, and how many there were then; the first one is where the window begins. */
  #seen: { atMs: number; rowCount: number }[] = [];

  /** Work begins; time in which there was none does not count. */
  begin(nowMs: number): void {
    const last = this.#seen.at(-1);
    if (last !== undefined && nowMs - last.atMs > WINDOW_MS) this.#seen = [];
  }

  /** Counts rows that were just done. What came before the first ones, as loading a model, is not in the pace. */
  add(rowCount: number, nowMs: number): void {
    const seen = this.#seen;
    seen.push({ atMs: nowMs, rowCount: (seen.at(-1)?.rowCount ?? 0) + rowCount });
    while (seen.length > 2 && seen[1]!.atMs <= nowMs - WINDOW_MS) seen.shift();
  }

  /** Null until enough was seen. */
  perSecond(nowMs: number): number | null {
    const [first, ...rest] = this.#seen;
    const last = rest.at(-1);
    if (first === undefined || last === undefined || last.atMs - first.atMs < LEAST_MS) return null;
    return (1000 * (last.rowCount - first.rowCount)) / (nowMs - first.atMs);
  }
}

/** A process does one piece of heavy work at a time, so its pace goes on from one shard to the next. */
const paces = new Map<Stage, Pace>();

export function paceOf(stage: Stage): Pace {
  const known = paces.get(stage) ?? new Pace();
  paces.set(stage, known);
  return known;
}
