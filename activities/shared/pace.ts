// How many rows a second a process has worked through of late.

/** What the pace is taken over: long enough for slow batches, short enough to be of now. */
const WINDOW_MS = 60_000;
const LEAST_MS = 5000;

/** A pace over the last minute of work. Times are milliseconds of one clock. */
export class Pace {
  /** When rows were done, and how many there were then; the first one is where the window begins. */
  readonly #seen: { atMs: number; rowCount: number }[] = [];
  #isApart = true;

  /** The process does something else: the time until the next rows are done is not of this work. */
  leave(): void {
    this.#isApart = true;
  }

  /** A piece of such work begins. That there was none for long is not in the pace. */
  begin(nowMs: number): void {
    const last = this.#seen.at(-1);
    if (last !== undefined && nowMs - last.atMs > WINDOW_MS) this.leave();
  }

  /** Counts rows that were just done. After other work the first ones only say that it goes on. */
  add(rowCount: number, nowMs: number): void {
    const seen = this.#seen;
    const last = seen.at(-1);
    if (this.#isApart && last !== undefined) {
      const gapMs = nowMs - last.atMs;
      for (const one of seen) one.atMs += gapMs;
    } else seen.push({ atMs: nowMs, rowCount: (last?.rowCount ?? 0) + rowCount });
    this.#isApart = false;
    while (seen.length > 2 && seen[1]!.atMs <= nowMs - WINDOW_MS) seen.shift();
  }

  /** Null until enough was seen. */
  perSecond(nowMs: number): number | null {
    const [first, ...rest] = this.#seen;
    const last = rest.at(-1);
    if (first === undefined || last === undefined || last.atMs - first.atMs < LEAST_MS) return null;
    const untilMs = this.#isApart ? last.atMs : nowMs;
    return (1000 * (last.rowCount - first.rowCount)) / (untilMs - first.atMs);
  }
}
