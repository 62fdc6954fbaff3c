import { readFileSync } from 'node:fs';
import { readImageSettings } from '../../dataset/images/image-settings.ts';
import { preprocessImage } from '../../dataset/images/image-preprocess.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import type { LoadedModel } from '../../model/tensorflow/load-model.ts';
import type { TokenExample } from '../../model/engine.ts';
import { openSafetensors } from '../../model/safetensors.ts';
import { pictureVectors } from '../../model/tensorflow/picture-vectors.ts';

/** Made by test/golden/tiny_llava.py with torch, transformers and peft. */
export const GOLDEN = 'test/golden/tiny-llava';

export interface GoldenExample {
  id: string;
  task: string;
  tokens: number;
  loss: number;
  grad_norm: number;
  el2n: number;
}

export interface GoldenStep {
  ids: string[];
  learning_rate: number;
  loss: number;
  grad_norm: number;
}

export interface GoldenRow {
  id: string;
  image?: string;
  conversations: { from: 'human' | 'gpt'; value: string }[];
}

export const expected = JSON.parse(readFileSync(`${GOLDEN}/expected.json`, 'utf8')) as {
  parameter_order: string[];
  examples: GoldenExample[];
  train_steps: GoldenStep[];
};

export const goldenRows = JSON.parse(readFileSync(`${GOLDEN}/data.json`, 'utf8')) as GoldenRow[];

/** A tensor of expected.safetensors. */
export async function goldenTensor(name: string): Promise<Float32Array> {
  const file = await openSafetensors(`${GOLDEN}/expected.safetensors`);
  try {
    return await file.read(name);
  } finally {
    await file.close();
  }
}

/** Token ids or labels: stored as int32, so read as bytes. */
export function goldenIntegers(name: string): Int32Array {
  const bytes = readFileSync(`${GOLDEN}/expected.safetensors`);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const [start, end] = header[name]!.data_offsets;
  return new Int32Array(
    bytes.buffer.slice(bytes.byteOffset + 8 + headerLength + start, bytes.byteOffset + 8 + headerLength + end),
  );
}

/** `[3, height, width]` of the row's picture file, none for a row without one. */
export async function goldenPixels(id: string): Promise<Float32Array[]> {
  const image = goldenRows.find((row) => row.id === id)?.image;
  if (image === undefined) return [];
  const settings = await readImageSettings(`${GOLDEN}/model`);
  const result = await preprocessImage(readFileSync(`${GOLDEN}/images/${image}`), settings, 'crop');
  if (isRejection(result)) throw new Error(`${image}: must be readable, got ${result.detail}`);
  return [result.pixels];
}

/** The golden row with ids and labels of torch and its own picture's vectors; nothing stays on the engine. */
export async function goldenExample(model: LoadedModel, id: string): Promise<TokenExample> {
  const pixels = await goldenPixels(id);
  const features = pixels.length === 0 ? [] : [pictureVectors(model, pixels)];
  return { ids: goldenIntegers(`${id}.input_ids`), labels: goldenIntegers(`${id}.labels`), features };
}

/** {@link goldenExample} of several rows, in order. */
export async function goldenExamples(model: LoadedModel, ids: readonly string[]): Promise<TokenExample[]> {
  const examples: TokenExample[] = [];
  for (const id of ids) examples.push(await goldenExample(model, id));
  return examples;
}
