// What a bench is, and how its numbers are put into words.

/** What one bench has found: facts with their goals beside them, printed as one line. */
export interface BenchLine {
  name: string;
  facts: string[];
}

/** Settings of a run of benches. */
export interface BenchOptions {
  /** Size of the dataset that bench `dataset` writes and reads. Default 1e9. */
  datasetBytes: number;
  /** Rows that benches `values` and `rows` write and read. Default 665,298 and 10,000,000. */
  rowCount: number | undefined;
}

/** Measures, and yields its lines as they are known. */
export type Bench = (options: BenchOptions) => AsyncIterable<BenchLine>;

/** The middle value; the upper one of two. */
export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)]!;
}

/** Three significant digits, e.g. `2.93`, `29.3`, `293`. */
export function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export function megabytes(bytes: number): string {
  return `${short(bytes / 1e6)} MB`;
}
