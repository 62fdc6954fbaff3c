// Bench of `tive data inspect` over a mixture as large as LLaVA-1.5's.
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { inspectData } from '../client/data/inspect-data.ts';
import type { InspectedData } from '../client/data/inspect-data.ts';
import { LLAVA_PUBLISHED_COUNTS } from '../dataset/tasks/task-rules.ts';
import { megabytes, short } from './bench.ts';
import type { BenchLine, BenchOptions } from './bench.ts';
import { withChildren } from './child.ts';
import { mixtureRows } from './mixture.ts';
import { ownPeakBytes } from './processes.ts';

const ROWS = 665_298;

/** Bytes of a row beside its answer's filling, about. */
const ROW_BYTES = 300;

/** LLaVA-1.5's mixture with its mess, in as many rows as published, looked at as `tive data inspect` does. */
export async function* bench({ datasetBytes }: BenchOptions): AsyncGenerator<BenchLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-bench-inspect-'));
  try {
    const path = join(folder, 'llava_v1_5_mix665k.json');
    const answerLength = Math.max(0, Math.round(datasetBytes / ROWS - ROW_BYTES));
    await pipeline(Readable.from(lines(answerLength)), createWriteStream(path));
    const { size } = await stat(path);
    const found = await withChildren(1, 'inspect', path, ([child]) => child!.run<Inspected>('inspect'));
    const differing = Object.entries(LLAVA_PUBLISHED_COUNTS).filter(([task, count]) => found.tasks[task] !== count);
    yield {
      name: 'inspect',
      facts: [
        `${short(size / 1e6 / found.seconds)} MB/s (goal 80)`,
        `peak ${found.peakBytes === null ? 'unknown' : megabytes(found.peakBytes)} (goal 400)`,
        `${megabytes(size)}, ${found.rowCount} rows, ${found.badCount} set aside`,
        `${differing.length} tasks differ from the published counts`,
      ],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Inspected {
  rowCount: number;
  badCount: number;
  tasks: Record<string, number>;
  seconds: number;
  peakBytes: number | null;
}

/** Step `inspect` for a file. */
export function prepare(path: string): Record<string, () => Promise<Inspected>> {
  return {
    inspect: async () => {
      const startedAt = performance.now();
      const found: InspectedData = await inspectData([path], null, 'dataset');
      const badCount = Object.values(found.reasons).reduce((sum, count) => sum + count, 0);
      const seconds = (performance.now() - startedAt) / 1000;
      return {
        rowCount: found.rowCount,
        badCount,
        tasks: found.tasks['llava-1.5'],
        seconds,
        peakBytes: ownPeakBytes(),
      };
    },
  };
}

/** Pretty-printed, as the published file is, a thousand rows at a time. */
function* lines(answerLength: number): Generator<string> {
  let text = '[\n';
  let count = 0;
  for (const row of mixtureRows(1, answerLength)) {
    text += `${count === 0 ? '' : ',\n'}${JSON.stringify(row, null, 2)}`;
    if ((count += 1) % 1000 !== 0) continue;
    yield text;
    text = '';
  }
  yield `${text}\n]\n`;
}
