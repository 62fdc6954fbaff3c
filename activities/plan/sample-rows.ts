// What is known of a dataset's rows before a run has read them: all counted, some parsed.
import { createRandom } from '../../algorithms/random-stream.ts';
import type { Config } from '../../contracts/config.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { RunPlan } from '../../contracts/plan.ts';
import type { Reason } from '../../contracts/reasons.ts';
import type { RowPlace } from '../../contracts/row-place.ts';
import { requireUsable } from '../../dataset/rows/dataset-checks.ts';
import { parseRow } from '../../dataset/rows/parse-row.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { rowsOf } from '../../dataset/rows/row-source.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { encoderOf } from '../shared/compute-context.ts';
import type { RowFacts } from './plan-stages.ts';

/** Rows that stand for all where no run has read them yet. */
const SAMPLED_ROWS = 1000;

/** What is known or estimated of the rows. */
export interface RowSample extends RowFacts, Pick<RunPlan, 'isCounted'> {
  sampleCount: number;
  /** What a person should know of the prompts. */
  notes: readonly string[];
  sampledReasons: Record<string, number>;
  /** Rows that can be used as far as their texts tell, for the probe. */
  places: RowPlace[];
}

/** The sample, with what an earlier run has counted in its place. */
export function countedRows({ rowCount, usableCount, tokenCount }: ScanResult, sample: RowSample): RowSample {
  const imageRowCount = Math.round((sample.imageRowCount / Math.max(1, sample.usableCount)) * usableCount);
  return { ...sample, rowCount, usableCount, tokenCount, imageRowCount, sampledReasons: {}, isCounted: true };
}

/** Counts all rows, parses a sample of them (reservoir sampling), and concludes from it. */
export async function sampleRows(config: Config, dataset: LocalDataset): Promise<RowSample> {
  const random = createRandom('plan-sample', 0);
  const sample: { place: RowPlace; bytes: Uint8Array | null }[] = [];
  let rowCount = 0;
  for (const [sourceIndex, source] of dataset.sources.entries()) {
    for await (const { bytes, byteStart, byteEnd } of rowsOf(source)) {
      if (dataset.maxRows !== null && rowCount >= dataset.maxRows) break;
      const slot = rowCount < SAMPLED_ROWS ? rowCount : Math.floor(random.uniform() * (rowCount + 1));
      if (slot < SAMPLED_ROWS)
        sample[slot] = {
          place: { rowIndex: rowCount, sourceIndex, byteStart, byteEnd, contentHash: null },
          bytes: bytes && bytes.slice(),
        };
      rowCount += 1;
    }
  }
  const encoder = await encoderOf(config);
  const startedAt = performance.now();
  const found = { places: [] as RowPlace[], tokenCount: 0, imageRowCount: 0 };
  const sampledReasons: Record<string, number> = {};
  for (const { place, bytes } of sample) {
    const row = parseRow(bytes, { ...dataset, form: dataset.sources[place.sourceIndex]!.form });
    const prompt = isRejection(row) ? row : encoder.encode(row.promptTurns, row.images.length);
    if (isRejection(row) || isRejection(prompt)) {
      const { reason } = prompt as { reason: string };
      sampledReasons[reason] = (sampledReasons[reason] ?? 0) + 1;
      continue;
    }
    found.places.push(place);
    found.tokenCount += prompt.ids.length;
    if (row.images.length > 0) found.imageRowCount += 1;
  }
  const secondsPerRow = (performance.now() - startedAt) / 1000 / Math.max(1, sample.length);
  const scale = rowCount / Math.max(1, sample.length);
  return {
    rowCount,
    usableCount: Math.round(found.places.length * scale),
    tokenCount: Math.round(found.tokenCount * scale),
    imageRowCount: Math.round(found.imageRowCount * scale),
    secondsPerRow,
    isCounted: false,
    sampleCount: sample.length,
    notes: encoder.notes(),
    sampledReasons,
    places: found.places,
  };
}

/** What a run would refuse in the sampled rows by their texts alone, or null. */
export function problemOf({ sampleCount, sampledReasons, places }: RowSample, dataset: LocalDataset): Error | null {
  const quarantined = new Map(Object.entries(sampledReasons) as [Reason, number][]);
  try {
    requireUsable({ rowCount: sampleCount, usableCount: places.length, quarantined }, dataset);
    return null;
  } catch (error) {
    return error as Error;
  }
}
