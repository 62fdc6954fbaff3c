// What the selected rows have more or less of than all: gradient norms, lengths, turns, pictures.
import sharp from 'sharp';
import { quantiles } from '../../algorithms/statistics.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { BiasSummary, Quantiles, TaskNorms } from '../../contracts/summary.ts';
import type { Store } from '../../store/store.ts';
import { HASH_BYTES } from '../../tables/hash-column.ts';
import { valuesTable } from '../../tables/values.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { withRows } from './example-rows.ts';

/** Rows that are read again, of all and of the selected ones each, for what no table holds. */
const READ_ROWS = 300;

/** A property of fewer rows than this says nothing. */
const LEAST_ROWS = 10;

const POINTS = [0.05, 0.25, 0.5, 0.75, 0.95] as const;

interface TableNumbers {
  norms: Map<string, number[]>;
  lengths: { all: number[]; selected: number[] };
  /** Row indexes with the smallest content hashes. */
  sample: { all: number[]; selected: number[] };
}

/**
 * Gradient norms by task, and what the selected rows have more or less of than all: lengths of all rows, the rest of a
 * sample.
 */
export async function summarizeRows(
  store: Store,
  { result, dataset, values }: { result: RunResult; dataset: ScanResult; values: ValuesResult },
  copies: ReadonlyMap<number, number>,
  openStore: (uri: string) => Store,
  pulse: Pulse,
): Promise<{ gradientNorms: TaskNorms[]; bias: BiasSummary[] }> {
  const { norms, lengths, sample } = await readNumbers(store, values.values, copies, pulse);
  const wanted = new Set([...sample.all, ...sample.selected]);
  const turns = { all: [] as number[], selected: [] as number[] };
  const areas = { all: [] as number[], selected: [] as number[] };
  await withRows(store, dataset.rows, wanted, result.config.dataset, openStore, pulse, async (read) => {
    for (const side of ['all', 'selected'] as const) {
      for (const rowIndex of sample[side]) {
        const row = await read(rowIndex);
        if (row?.parsed) turns[side].push(row.parsed.turns.length);
        const bytes = row === null ? null : await row.picture();
        const area = bytes === null ? null : await pixelCount(bytes);
        if (area !== null) areas[side].push(Math.sqrt(area));
        await pulse.pause();
      }
    }
  });
  return {
    gradientNorms: [...norms]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([task, found]) => ({ task, quantiles: summarize(found) })),
    bias: [
      ...biasOf('answer length', 'tokens', lengths),
      ...biasOf('turns', 'turns', turns),
      ...biasOf('picture edge', 'pixels', areas),
    ],
  };
}

async function readNumbers(
  store: Store,
  values: ArtifactReference,
  copies: ReadonlyMap<number, number>,
  pulse: Pulse,
): Promise<TableNumbers> {
  const norms = new Map<string, number[]>();
  const lengths = { all: [] as number[], selected: [] as number[] };
  const keys = { all: [] as [key: number, rowIndex: number][], selected: [] as [key: number, rowIndex: number][] };
  for await (const { task, gradientNorm, supervisedTokenCount, rowIndex, contentHash } of valuesTable.read(
    store,
    values,
  )) {
    const hashes = Buffer.from(contentHash);
    for (const [row, name] of task.entries()) {
      let own = norms.get(name);
      if (own === undefined) norms.set(name, (own = []));
      own.push(gradientNorm[row]!);
      lengths.all.push(supervisedTokenCount[row]!);
      const entry: [number, number] = [hashes.readUIntBE(row * HASH_BYTES + 6, 6), rowIndex[row]!];
      keys.all.push(entry);
      if (!copies.has(rowIndex[row]!)) continue;
      lengths.selected.push(supervisedTokenCount[row]!);
      keys.selected.push(entry);
    }
    await pulse.pause();
  }
  const first = (entries: [number, number][]): number[] =>
    entries
      .sort(([left, a], [right, b]) => left - right || a - b)
      .slice(0, READ_ROWS)
      .map(([, rowIndex]) => rowIndex);
  return { norms, lengths, sample: { all: first(keys.all), selected: first(keys.selected) } };
}

function biasOf(
  property: BiasSummary['property'],
  unit: string,
  { all, selected }: { all: number[]; selected: number[] },
): BiasSummary[] {
  if (all.length < LEAST_ROWS || selected.length < LEAST_ROWS) return [];
  const counts = { allCount: all.length, selectedCount: selected.length };
  return [{ property, unit, ...counts, all: summarize(all), selected: summarize(selected) }];
}

function summarize(values: readonly number[]): Quantiles {
  return quantiles(values, POINTS).map((value) => Number(value.toPrecision(6))) as Quantiles;
}

/** Pixels of a picture by its header alone; null where it has none. */
async function pixelCount(bytes: Uint8Array): Promise<number | null> {
  try {
    const { width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
    return width * height;
  } catch {
    return null;
  }
}
