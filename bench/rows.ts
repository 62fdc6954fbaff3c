// Bench of memory over very many rows.
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { loadPreset } from '../client/recipe/recipe.ts';
import type { Config } from '../contracts/config.ts';
import { megabytes, short } from './bench.ts';
import type { BenchLine, BenchOptions } from './bench.ts';
import { withChildren } from './child.ts';
import type { ReadDataset } from './dataset.ts';

const ROWS_OF_CHUNK = 10_000;

/** The dataset stage over very many small rows without pictures: memory after a tenth of them and after all. */
export async function* bench({ rowCount = 10_000_000 }: BenchOptions): AsyncGenerator<BenchLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-bench-rows-'));
  try {
    const path = join(folder, 'rows.jsonl');
    await pipeline(Readable.from(lines(rowCount)), createWriteStream(path));
    const { size } = await stat(path);
    for (const maxRows of [Math.ceil(rowCount / 10), rowCount]) {
      const { config } = loadPreset('demo');
      const limited: Config = {
        ...config,
        store: { uri: join(folder, `store-${maxRows}`) },
        dataset: { ...config.dataset, path: [path], maxRows },
      };
      const found = await withChildren(1, 'dataset', limited, ([child]) => child!.run<ReadDataset>('scan'));
      yield {
        name: 'rows',
        facts: [
          `${found.rowCount} rows`,
          `${short(found.rowCount / found.seconds)} rows/s`,
          `${short((size * found.rowCount) / rowCount / 1e6 / found.seconds)} MB/s`,
          `peak ${found.peakBytes === null ? 'unknown' : megabytes(found.peakBytes)}`,
          `${found.rowCount - found.usableCount} set aside`,
        ],
      };
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** JSON lines, all different, a chunk at a time. */
function* lines(rowCount: number): Generator<string> {
  const [nouns, places] = [
    ['ship', 'tree', 'horse', 'lamp', 'river'],
    ['left', 'right', 'top', 'bottom'],
  ];
  for (let start = 0; start < rowCount; start += ROWS_OF_CHUNK) {
    let text = '';
    for (let row = start; row < Math.min(rowCount, start + ROWS_OF_CHUNK); row += 1) {
      const [noun, place] = [nouns[row % 5]!, places[row % 4]!];
      const conversations = [
        { from: 'human', value: `Where is the ${noun} number ${row}?` },
        { from: 'gpt', value: `The ${noun} is at the ${place}.` },
      ];
      text += `${JSON.stringify({ id: row, dataset: `task_${row % 10}`, conversations })}\n`;
    }
    yield text;
  }
}
