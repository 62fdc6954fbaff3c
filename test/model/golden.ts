import { readFileSync } from 'node:fs';
import { openSafetensors } from '../../model/safetensors.ts';
import type { ModelExample } from '../../model/micro-batch.ts';

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

export const expected = JSON.parse(readFileSync(`${GOLDEN}/expected.json`, 'utf8')) as {
  parameter_order: string[];
  examples: GoldenExample[];
  train_steps: GoldenStep[];
};

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
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)) as Record<string, { data_offsets: [number, number] }>;
  const [start, end] = header[name]!.data_offsets;
  return new Int32Array(bytes.buffer.slice(bytes.byteOffset + 8 + headerLength + start, bytes.byteOffset + 8 + headerLength + end));
}

/** The golden row with ids and labels of torch; `features` are filled by the caller. */
export function goldenExample(id: string, features: Float32Array[]): ModelExample {
  return { ids: goldenIntegers(`${id}.input_ids`), labels: goldenIntegers(`${id}.labels`), features };
}
