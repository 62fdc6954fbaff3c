import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { ClipKind } from '../../contracts/clips.ts';

/** Usable rows of {@link writeClipDataset}: 16 about clips, 8 of text. */
export const CLIP_ROWS = 24;

/**
 * Writes a dataset of two tasks, `sense` about videos of two to five frames or sounds of several kinds, `sum` of text,
 * `train.json`, a row of `media_missing`, and `recipe.yaml`.
 */
export async function writeClipDataset(folder: string, kind: ClipKind): Promise<void> {
  mkdirSync(join(folder, 'media'), { recursive: true });
  const rows: object[] = [];
  for (let id = 0; id < 16; id += 1) {
    const clip = kind === 'video' ? { videos: [await writeFrames(folder, id)] } : { audio: writeTone(folder, id) };
    rows.push(ask(id, 'sense', `<${kind}>\nIs it low?`, id % 2 === 0 ? 'It is low.' : 'No.', clip));
  }
  for (let id = 16; id < CLIP_ROWS; id += 1)
    rows.push(ask(id, 'sum', `What is ${id % 5} and 2?`, String((id % 5) + 2)));
  rows.push(ask(99, 'sense', `<${kind}>\nIs it low?`, 'No.', { [kind]: 'media/none' }));
  writeFileSync(join(folder, 'train.json'), JSON.stringify(rows));
  writeFileSync(
    join(folder, 'recipe.yaml'),
    `dataset: { path: train.json, max_quarantined_fraction: 0.1 }
warmup: { fraction: 0.4, epochs: 4, batch_size: 4, learning_rate: 3.0e-3, lora_rank: 4, lora_alpha: 8 }
gradients: { cutoff_len: 256, sketch: 64, token_budget: 512, shard_rows: 8 }
allocation: { budget_fraction: 0.5 }
finetune: { epochs: 2, batch_size: 4, learning_rate: 3.0e-3 }
evaluation: { compare: [] }
`,
  );
}

const ask = (id: number, dataset: string, question: string, answer: string, clip: object = {}): object => ({
  id,
  dataset,
  ...clip,
  conversations: [
    { from: 'human', value: question },
    { from: 'gpt', value: answer },
  ],
});

async function writeFrames(folder: string, id: number): Promise<string[]> {
  const paths = Array.from({ length: 2 + (id % 4) }, (_, frame) => `media/${id}-${frame}.png`);
  for (const [frame, path] of paths.entries()) {
    const level = (40 * frame + 20 * id) % 256;
    const background = { r: level, g: 255 - level, b: id % 2 === 0 ? 0 : 255 };
    const picture = sharp({ create: { width: 40 + 8 * (id % 3), height: 48, channels: 3, background } });
    await picture.png().toFile(join(folder, path));
  }
  return paths;
}

/** A tone of a part of a second: 16 bits, 8 bits or float, at 8 or 16 kHz. */
function writeTone(folder: string, id: number): string {
  const rate = id % 2 === 0 ? 16_000 : 8000;
  const samples = Float32Array.from(
    { length: Math.round(rate * (0.2 + 0.05 * id)) },
    (_, index) => Math.sin((2 * Math.PI * (id % 2 === 0 ? 200 : 900) * index) / rate) / 3,
  );
  const forms = [
    { format: 1, bits: 16, data: Int16Array.from(samples, (value) => Math.round(value * 32_767)) },
    { format: 1, bits: 8, data: Uint8Array.from(samples, (value) => Math.round(value * 127) + 128) },
    { format: 3, bits: 32, data: samples },
  ];
  const { format, bits, data } = forms[id % 3]!;
  const bytes = Buffer.from(data.buffer);
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + bytes.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(format, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE((rate * bits) / 8, 28);
  head.writeUInt16LE(bits / 8, 32);
  head.writeUInt16LE(bits, 34);
  head.write('data', 36);
  head.writeUInt32LE(bytes.length, 40);
  writeFileSync(join(folder, `media/${id}.wav`), Buffer.concat([head, bytes]));
  return `media/${id}.wav`;
}
