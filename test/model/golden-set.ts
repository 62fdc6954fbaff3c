import { readFileSync } from 'node:fs';

export const TINY_IMAGES = 'test/golden/tiny-llava/images';

export interface GoldenSet {
  folder: string;
  examples: { id: string; loss: number; image: string | null; turns: string[] }[];
  floats(name: string): Float32Array;
  integers(name: string): Int32Array;
  adapterConfig(): Record<string, unknown>;
  adapterKeys(): string[];
  /** Names of the tensors of a safetensors file. */
  keysOf(bytes: Uint8Array): string[];
}

/** A set that test/golden/architectures.py made. */
export function goldenSet(name: string): GoldenSet {
  const folder = `test/golden/${name}`;
  const bytes = readFileSync(`${folder}/expected.safetensors`);
  const { header, dataStart } = readHeader(bytes);
  const slice = (tensor: string): ArrayBuffer => {
    const [start, end] = header[tensor]!.data_offsets;
    return Uint8Array.from(bytes.subarray(dataStart + start, dataStart + end)).buffer;
  };
  const keysOf = (file: Uint8Array): string[] =>
    Object.keys(readHeader(Buffer.from(file)).header).filter((key) => key !== '__metadata__');
  return {
    folder,
    examples: (JSON.parse(readFileSync(`${folder}/expected.json`, 'utf8')) as { examples: GoldenSet['examples'] })
      .examples,
    floats: (tensor) => new Float32Array(slice(tensor)),
    integers: (tensor) => new Int32Array(slice(tensor)),
    adapterConfig: () =>
      JSON.parse(readFileSync(`${folder}/adapter/adapter_config.json`, 'utf8')) as Record<string, unknown>,
    adapterKeys: () => keysOf(readFileSync(`${folder}/adapter/adapter_model.safetensors`)),
    keysOf,
  };
}

function readHeader(bytes: Buffer): {
  header: Record<string, { data_offsets: [number, number] }>;
  dataStart: number;
} {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  return { header, dataStart: 8 + length };
}
