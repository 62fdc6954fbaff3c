// The weight files of a model folder: which there are, where each tensor lies, whether all are there in their shapes.
import { access, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InvalidConfigError } from '../contracts/failures.ts';
import { isJsonObject, parseJsonObject } from '../contracts/json-object.ts';
import { readTextFile } from '../contracts/outside-file.ts';
import { readArchitecture } from './architectures/read-architecture.ts';
import type { Architecture } from './architectures/architecture.ts';
import { openSafetensors, requireFloats } from './safetensors.ts';
import type { SafetensorsFile } from './safetensors.ts';
import type { StoredTensor } from './safetensors-header.ts';
import { canonicalName } from './weight-names.ts';
import { weightShapes } from './weight-shapes.ts';

const SINGLE_FILE = 'model.safetensors';
const INDEX_FILE = 'model.safetensors.index.json';

/** Canonical name of the head, `[vocab, hidden]`. */
export const HEAD = 'lm_head.weight';
/** Canonical name of the embedding, `[vocab, hidden]`; the head as well where the two are tied. */
export const EMBEDDING = 'model.language_model.embed_tokens.weight';

/**
 * Checks that a model folder holds every tensor in its right shape, by the files' headers alone.
 * @throws InvalidConfigError for a missing or pickled weight file, a missing tensor or a wrong shape
 */
export async function checkModelFiles(folder: string): Promise<void> {
  const config = await readArchitecture(folder);
  const found = await openWeights(folder);
  try {
    const sources = locate(found, config.text.tiedHead);
    checkTensors(sources, storedShapes(config, sources));
  } finally {
    await closeAll(found.files);
  }
}

/** Paths of the safetensors files of a model folder, in the order of their names. */
export async function weightFiles(folder: string): Promise<string[]> {
  return (await findWeights(folder)).names.map((name) => join(folder, name));
}

/**
 * The weight files of a folder, and in which of them the index places each tensor. One file of all weights goes before
 * an index, as in transformers.
 */
async function findWeights(folder: string): Promise<{ names: string[]; shardOf: ReadonlyMap<string, string> }> {
  if (await exists(join(folder, SINGLE_FILE))) return { names: [SINGLE_FILE], shardOf: new Map() };
  const index = await readTextFile(join(folder, INDEX_FILE));
  if (index === null) {
    await refusePickles(folder);
    throw new InvalidConfigError(`model.path: must hold ${SINGLE_FILE}, got none in ${folder}`);
  }
  const shardOf = parseIndex(index);
  const names = [...new Set(shardOf.values())].sort();
  const missing: string[] = [];
  for (const name of names) if (!(await exists(join(folder, name)))) missing.push(name);
  if (missing.length > 0) {
    throw new InvalidConfigError(
      `${INDEX_FILE}: all ${names.length} shards must exist, got ${names.length - missing.length}; fetch ${missing.join(', ')}`,
    );
  }
  return { names, shardOf };
}

/** Tensor → file of the folder. A path that leads elsewhere is refused. */
function parseIndex(text: string): Map<string, string> {
  const { weight_map: map } = parseJsonObject(text, INDEX_FILE);
  const advice = 'fetch the file of the original folder';
  if (!isJsonObject(map))
    throw new InvalidConfigError(
      `${INDEX_FILE}: weight_map must be an object, got ${JSON.stringify(map) ?? 'nothing'}; ${advice}`,
    );
  const places = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !/^[^/\\]+\.safetensors$/.test(file))
      throw new InvalidConfigError(
        `${INDEX_FILE}: weight_map must name safetensors files of the folder, got ${JSON.stringify(file)} for ${tensor}; ${advice}`,
      );
    places.set(tensor, file);
  }
  return places;
}

/**
 * Pickle files run code when they are read, so they are never parsed.
 * @throws InvalidConfigError naming the first one of a folder, and how to convert it
 */
export async function refusePickles(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /\.(bin|pt|pth)$/.test(name)).sort();
  if (names.includes('non_lora_trainables.bin')) {
    throw new InvalidConfigError(
      'non_lora_trainables.bin: must be safetensors, got a pickle file; merge and convert with convert_llava_weights_to_hf.py',
    );
  }
  if (names[0] === undefined) return;
  throw new InvalidConfigError(
    `${names[0]}: weights must be safetensors, got a pickle file; convert it: torch.load(weights_only=True), safetensors save_file`,
  );
}

/** Open files, and in which of them the index places each tensor. */
export interface FoundWeights {
  files: SafetensorsFile[];
  shardOf: ReadonlyMap<string, string>;
}

/** Opens the weights of a folder; the caller closes them with {@link closeAll}. */
export async function openWeights(folder: string): Promise<FoundWeights> {
  const { names, shardOf } = await findWeights(folder);
  const files: SafetensorsFile[] = [];
  try {
    for (const name of names) files.push(await openSafetensors(join(folder, name)));
    return { files, shardOf };
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

/** Closes all files of a model folder. */
export async function closeAll(files: readonly SafetensorsFile[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()));
}

/** Where a weight lies: file, and its name there. */
export interface Source {
  file: SafetensorsFile;
  name: string;
  tensor: StoredTensor;
}

/**
 * Sources by canonical name. Of a tensor that stands in two shards the one counts that the index names; of a head and
 * an embedding that are tied, either may be missing.
 */
export function locate({ files, shardOf }: FoundWeights, isTied: boolean): Map<string, Source> {
  const sources = new Map<string, Source>();
  for (const file of files) {
    for (const [name, tensor] of file.tensors) {
      const canonical = canonicalName(name);
      const isNamed = (shardOf.get(name) ?? basename(file.path)) === basename(file.path);
      if (canonical !== null && isNamed) sources.set(canonical, { file, name, tensor });
    }
  }
  const head = sources.get(HEAD);
  if (isTied && head !== undefined && !sources.has(EMBEDDING)) {
    sources.set(EMBEDDING, head);
    sources.delete(HEAD);
  }
  return sources;
}

/**
 * Shapes of the needed weights. A head that is stored is one of them even where `config.json` ties it: it counts if it
 * differs from the embedding.
 * @see transformers 5 `PreTrainedModel.tie_weights`
 */
export function storedShapes(config: Architecture, sources: ReadonlyMap<string, Source>): Map<string, number[]> {
  return weightShapes({ ...config, text: { ...config.text, tiedHead: config.text.tiedHead && !sources.has(HEAD) } });
}

/** A weight's values in float32, in the order of the file: the last axis runs fastest. */
export const readSource = ({ file, name }: Source): Promise<Float32Array> => file.read(name);

/** Whether two weights have the same values; reads both whole. NaN equals nothing. */
export async function areEqual(one: Source, other: Source): Promise<boolean> {
  const [left, right] = [await readSource(one), await readSource(other)];
  return left.every((value, index) => value === right[index]);
}

/** @throws InvalidConfigError for a missing tensor or a wrong shape */
export function checkTensors(sources: ReadonlyMap<string, Source>, shapes: ReadonlyMap<string, number[]>): void {
  const missing = [...shapes]
    .filter(([name]) => !sources.has(name))
    .map(([name, shape]) => `${name} [${shape.join(', ')}]`);
  if (missing.length > 0) {
    throw new InvalidConfigError(
      `model: all ${shapes.size} tensors must exist, got ${shapes.size - missing.length}; missing: ${missing.slice(0, 10).join(', ')}`,
    );
  }
  for (const [name, shape] of shapes) {
    const { file, name: stored, tensor } = sources.get(name)!;
    requireFloats(tensor, `${basename(file.path)}: ${stored}`);
    const got = tensor.shape;
    if (got.join() !== shape.join()) {
      const hint = name.includes('projector') ? '; projector and vision tower do not belong together' : '';
      throw new InvalidConfigError(
        `${name.replace(/^model\./, '')}: must be [${shape.join(', ')}] by config.json, got [${got.join(', ')}]${hint}`,
      );
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
