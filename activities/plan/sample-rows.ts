// What is known of a dataset's rows before a run has read them: all counted, some parsed.
import { createRandom } from '../../algorithms/random-stream.ts';
import type { Config } from '../../contracts/config.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { RunPlan } from '../../contracts/plan.ts';
import type { Reason } from '../../contracts/reasons.ts';
import type { CountedPlace, RowPlace } from '../../contracts/row-place.ts';
import { requireUsable } from '../../dataset/rows/dataset-checks.ts';
import { parseRow } from '../../dataset/rows/parse-row.ts';
import { checkImage } from '../../dataset/rows/scan-dataset.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import { folderOfImage, rowsOf } from '../../dataset/rows/row-source.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import type { VectorDensity } from '../../model/memory/tower-bytes.ts';
import { encoderOf } from '../shared/compute-context.ts';
import { encodeAlone } from '../shared/encode-row.ts';
import type { ModelHost } from '../shared/model-host.ts';
import { densityOf, mostDense } from '../shared/vector-density.ts';
import type { RowFacts } from './plan-stages.ts';

/** Rows that stand for all where no run has read them yet. */
const SAMPLED_ROWS = 1000;

/** Rows of the sample whose pictures are read and decoded. */
const LOOKED_ROWS = 200;

/** What is known or estimated of the rows. */
export interface RowSample extends RowFacts, Pick<RunPlan, 'isCounted'> {
  sampleCount: number;
  /** Rows of the sample that can be used, as far as was looked. */
  sampledUsableCount: number;
  /** Whether every row was looked at, with its pictures. */
  isWhole: boolean;
  /** What a person should know of the prompts. */
  notes: readonly string[];
  sampledReasons: Record<string, number>;
  /** Of the longest row that can be used as far as was looked; at least 1. */
  longestTokenCount: number;
  /** Rows that can be used as far as was looked, for the probe. */
  places: CountedPlace[];
  /** The most vectors a token that a row has of pictures, videos and sounds; null where none has any. */
  density: VectorDensity | null;
}

/** The sample, with what an earlier run has counted in its place. */
export function countedRows({ rowCount, usableCount, tokenCount }: ScanResult, sample: RowSample): RowSample {
  const imageRowCount = Math.round((sample.imageRowCount / Math.max(1, sample.usableCount)) * usableCount);
  return { ...sample, rowCount, usableCount, tokenCount, imageRowCount, sampledReasons: {}, isCounted: true };
}

/**
 * Counts all rows, parses a sample of them (reservoir sampling), looks at the pictures of some of it, and concludes
 * from that.
 */
export async function sampleRows(config: Config, dataset: LocalDataset, models: ModelHost): Promise<RowSample> {
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
  const encoder = await encoderOf(config, models);
  const startedAt = performance.now();
  const found: SampledRow[] = [];
  let density: VectorDensity | null = null;
  const sampledReasons: Record<string, number> = {};
  for (const { place, bytes } of sample) {
    const source = dataset.sources[place.sourceIndex]!;
    const row = parseRow(bytes, { ...dataset, form: source.form });
    const prompt = isRejection(row) ? row : await encodeAlone(encoder, row, source);
    if (isRejection(row) || isRejection(prompt)) {
      const { reason } = prompt as { reason: string };
      sampledReasons[reason] = (sampledReasons[reason] ?? 0) + 1;
      continue;
    }
    const { ids, supervisedTokenCount } = prompt;
    found.push({ place: { ...place, tokenCount: ids.length, supervisedTokenCount }, images: row.images });
    density = mostDense(density, densityOf(prompt));
  }
  const secondsPerRow = (performance.now() - startedAt) / 1000 / Math.max(1, sample.length);
  const pictures = await lookAtPictures(found, dataset);
  for (const [reason, count] of pictures.reasons) sampledReasons[reason] = (sampledReasons[reason] ?? 0) + count;
  const bad = [...pictures.reasons.values()].reduce((sum, count) => sum + count, 0);
  const usable = found.filter(({ place }) => !pictures.bad.has(place));
  const scale = rowCount / Math.max(1, sample.length);
  // Rows whose pictures were not looked at are taken to be as those that were.
  const kept = (found.length - bad) / Math.max(1, usable.length);
  return {
    rowCount,
    usableCount: Math.round((found.length - bad) * scale),
    tokenCount: Math.round(usable.reduce((sum, { place }) => sum + place.tokenCount, 0) * kept * scale),
    imageRowCount: Math.round(usable.filter(({ images }) => images.length > 0).length * kept * scale),
    secondsPerRow,
    isCounted: false,
    sampleCount: sample.length,
    sampledUsableCount: found.length - bad,
    isWhole: sample.length === rowCount && pictures.isWhole,
    notes: encoder.notes(),
    sampledReasons,
    longestTokenCount: usable.reduce((most, { place }) => Math.max(most, place.tokenCount), 1),
    places: usable.map(({ place }) => place),
    density,
  };
}

/** A row of the sample that can be used by its text. */
interface SampledRow {
  place: CountedPlace;
  images: readonly string[];
}

/** Rows whose pictures cannot be used: by reason as many as the sample would have, and those that were seen. */
async function lookAtPictures(
  rows: readonly SampledRow[],
  { sources }: LocalDataset,
): Promise<{ reasons: Map<Reason, number>; bad: Set<RowPlace>; isWhole: boolean }> {
  const withImages = rows.filter(({ images }) => images.length > 0);
  const every = Math.max(1, Math.ceil(withImages.length / LOOKED_ROWS));
  const looked = withImages.filter((_, index) => index % every === 0);
  const seen = new Map<Reason, number>();
  const bad = new Set<RowPlace>();
  for (const { place, images } of looked) {
    const source = sources[place.sourceIndex]!;
    const checks = await Promise.all(images.map((path) => checkImage(folderOfImage(source, path), path)));
    const reason = checks.find(({ rejection }) => rejection !== null)?.rejection?.reason;
    if (reason === undefined) continue;
    bad.add(place);
    seen.set(reason, (seen.get(reason) ?? 0) + 1);
  }
  const scale = withImages.length / Math.max(1, looked.length);
  const reasons = new Map([...seen].map(([reason, count]) => [reason, Math.round(count * scale)]));
  return { reasons, bad, isWhole: every === 1 };
}

/** What a run would refuse in the sampled rows, or null. */
export function problemOf(
  { sampleCount, sampledReasons, sampledUsableCount }: RowSample,
  dataset: LocalDataset,
): Error | null {
  const quarantined = new Map(Object.entries(sampledReasons) as [Reason, number][]);
  try {
    requireUsable({ rowCount: sampleCount, usableCount: sampledUsableCount, quarantined }, dataset);
    return null;
  } catch (error) {
    return error as Error;
  }
}
