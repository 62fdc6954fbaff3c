// Writes the second dataset: scenes of shapes with questions unlike the demo's, for its model. Equal bytes each time.
//
//     node dist/examples/shapes/make-data.js --out DIR
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../demo/named-random.ts';
import { encodePng } from '../demo/png.ts';
import { SHAPE_COUNTS, SHAPE_TASKS, SHAPE_TEST_COUNT, shapeRow } from './shape-tasks.ts';

const SPLITS = ['train', 'test'] as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: 'string' } } });
  const { out } = values;
  if (out === undefined || existsSync(out))
    throw new TypeError(`make-data: --out must be a new folder, got ${out === undefined ? 'nothing' : `"${out}"`}`);
  for (const split of SPLITS) {
    const rows = [];
    for (const task of SHAPE_TASKS)
      for (let number = 0; number < (split === 'train' ? SHAPE_COUNTS[task] : SHAPE_TEST_COUNT); number += 1) {
        const { turns, image } = shapeRow(split, task, number);
        const name = `${task}-${String(number).padStart(5, '0')}`;
        const path = `${split}/${name}.png`;
        write(join(out, 'images', path), await encodePng(image!));
        rows.push({
          id: split === 'test' ? `test-${name}` : name,
          dataset: task,
          image: path,
          conversations: turns.flatMap(([question, answer]) => [
            { from: 'human', value: `<image>\n${question}` },
            { from: 'gpt', value: answer },
          ]),
        });
      }
    const mixed = createRandom('shapes', 'order', split).sample(rows);
    write(join(out, `${split}.json`), Buffer.from(`${JSON.stringify(mixed, null, 1)}\n`));
  }
}

function write(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

await main();
