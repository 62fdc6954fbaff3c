import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const golden = join(import.meta.dirname, '../golden/tiny-llava');

/** Folder of the tiny golden model. */
export const modelFolder = join(golden, 'model');

interface SmallRow {
  id: number;
  dataset: string;
  image?: string;
  conversations: { from: string; value: string }[];
}

/** Usable rows of {@link writeSmallDataset}: 24 + 20 + 12. */
export const USABLE_ROWS = 56;

/** Rows of it that cannot be used. */
export const BAD_ROWS = 3;

/**
 * Writes a dataset of three tasks about the golden pictures, `train.json` with odd spacing and unknown keys, three rows
 * that cannot be used, `test.json`, pictures below `images/`, and `recipe.yaml`.
 */
export function writeSmallDataset(folder: string, settings = ''): void {
  mkdirSync(join(folder, 'images'), { recursive: true });
  const pictures = readdirSync(join(golden, 'images')).sort();
  for (const picture of pictures) copyFileSync(join(golden, 'images', picture), join(folder, 'images', picture));
  const image = (index: number): string => pictures[index % pictures.length]!;
  const ask = (id: number, dataset: string, question: string, answer: string, picture?: string): SmallRow => ({
    id,
    dataset,
    ...(picture === undefined ? {} : { image: picture }),
    conversations: [
      { from: 'human', value: picture === undefined ? question : `<image>\n${question}` },
      { from: 'gpt', value: answer },
    ],
  });
  const rows = (start: number, scale: number): SmallRow[] => [
    ...Array.from({ length: 24 * scale }, (_, index) => {
      const id = start + index;
      return ask(id, 'name', `What is picture ${id % 7}?`, image(id).replace('.png', ''), image(id));
    }),
    ...Array.from({ length: 20 * scale }, (_, index) => {
      const id = start + 100 + index;
      const answer = `It is the ${image(id).replace('.png', '')} and it comes as number ${id % 10}.`;
      return ask(id, 'tell', 'Tell me about it.', answer, image(id));
    }),
    ...Array.from({ length: 12 * scale }, (_, index) => {
      const id = start + 200 + index;
      return ask(id, 'sum', `What is ${id % 5} and ${id % 4}?`, String((id % 5) + (id % 4)));
    }),
  ];
  const bad: SmallRow[] = [
    ask(900, 'name', 'What is it?', 'gone', 'no-such.png'),
    ask(901, 'tell', 'Tell me about it.', '', image(0)),
    { id: 902, dataset: 'sum', conversations: [{ from: 'gpt', value: 'first' }] },
  ];
  const train = rows(0, 1);
  train.splice(7, 0, bad[0]!);
  train.splice(31, 0, bad[1]!);
  train.push(bad[2]!);
  const text = train.map((row, index) => oddly(row, index)).join(' ,\n\n');
  writeFileSync(join(folder, 'train.json'), `\ufeff[\n${text}\n]`);
  writeFileSync(join(folder, 'test.json'), JSON.stringify(rows(1000, 1)));
  writeFileSync(
    join(folder, 'recipe.yaml'),
    `run: { name: small }
model: { path: ${modelFolder} }
dataset: { path: train.json, image_folder: images, max_quarantined_fraction: 0.1 }
warmup: { fraction: 0.3, epochs: 4, batch_size: 4, learning_rate: 3.0e-3, lora_rank: 4, lora_alpha: 8 }
gradients: { cutoff_len: 128, sketch: 64, token_budget: 256, shard_rows: 8 }
finetune: { epochs: 4, batch_size: 4, learning_rate: 3.0e-3 }
evaluation: { path: test.json, image_folder: images, compare: [random] }
report: { examples_per_task: 2 }
${settings}`,
  );
}

/** The same row in another writing: spacing, escapes, key order and a key that nobody knows. */
function oddly(row: SmallRow, index: number): string {
  if (index % 3 === 0) return JSON.stringify({ ...row, rating: 1.5e-3 }, null, 2);
  if (index % 3 === 1) return JSON.stringify(row).replace('"id":', '"id" :  ').replaceAll('<', '\\u003c');
  return JSON.stringify(row);
}
