// What a model folder says of how pictures are prepared for it.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { isJsonObject, parseJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { readTextFile } from '../../contracts/outside-file.ts';
import type { ResizeFilter } from './image-resize.ts';

/** What the model folder says about pictures. */
export interface ImageSettings {
  /** What `image_aspect: auto` does: `pad` where the folder's own processor pads to a square, else `crop`. */
  aspect: 'pad' | 'crop';
  /** Longer edge after a first resize that keeps the aspect; null = none. */
  longestEdge: number | null;
  /** Size after the resize: the shorter edge, where the longer one keeps the aspect, or both. */
  resized: { shortestEdge: number } | Rectangle;
  filter: ResizeFilter;
  /** Size after the crop of the middle, the model's input. */
  width: number;
  height: number;
  rescaleFactor: number;
  /** By channel, RGB. */
  mean: readonly [number, number, number];
  standardDeviation: readonly [number, number, number];
  /** Whether transformers would cut a picture into tiles beside the whole; here it is the whole alone. */
  splits: boolean;
}

interface Rectangle {
  width: number;
  height: number;
}

/** Pillow's numbers of the filters. */
const FILTERS: Record<number, ResizeFilter> = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' };

/** Longest edge that is taken. */
const MOST_EDGE = 16_384;

/** Edges of a crop whose size is missing, as CLIP's processor has them. */
const DEFAULT_CROP = 224;

/**
 * Reads `processor_config.json` → `image_processor`, else `preprocessor_config.json`, in the order of transformers 5.
 * @throws InvalidConfigError where neither is there, or a setting has no exact counterpart here
 */
export async function readImageSettings(modelFolder: string): Promise<ImageSettings> {
  const config =
    (await readObject(modelFolder, 'processor_config.json'))?.['image_processor'] ??
    (await readObject(modelFolder, 'preprocessor_config.json'));
  if (config === undefined) {
    throw new InvalidConfigError(
      `model.path: must hold preprocessor_config.json or processor_config.json, got neither in ${modelFolder}`,
    );
  }
  if (isJsonObject(config)) return parseImageSettings(config);
  throw new InvalidConfigError(
    `processor_config.json: image_processor must be an object, got ${JSON.stringify(config)}`,
  );
}

/**
 * The same for parsed JSON. A key that is missing or null has the default of the processor that `image_processor_type`
 * names.
 * @see readImageSettings
 * @see transformers 5 `CLIPImageProcessor`, `LlavaImageProcessor`, `SiglipImageProcessor`, `Idefics3ImageProcessor`
 */
export function parseImageSettings(config: JsonObject): ImageSettings {
  const type = String(config['image_processor_type'] ?? config['feature_extractor_type']);
  const isIdefics = /^(Idefics3|SmolVLM)/.test(type);
  const resample = config['resample'] ?? (isIdefics ? 1 : 3);
  const filter = FILTERS[resample as number];
  if (filter === undefined)
    throw invalid('resample must be 1 (Lanczos), 2 (bilinear) or 3 (bicubic)', config['resample']);
  for (const step of ['do_resize', 'do_rescale', 'do_normalize']) {
    if (!flag(config, step, true)) throw invalid(`${step} must be true`, false);
  }
  const rescaleFactor = config['rescale_factor'] ?? 1 / 255;
  if (!isPositive(rescaleFactor)) throw invalid('rescale_factor must be a positive number', rescaleFactor);
  const standardDeviation = triple(config['image_std'], 'image_std');
  if (!standardDeviation.every(isPositive)) throw invalid('image_std must be above 0', standardDeviation);
  const common = { filter, rescaleFactor, mean: triple(config['image_mean'], 'image_mean'), standardDeviation };
  if (isIdefics) {
    const [longestEdge, edge] = [longest(config['size'], 'size'), longest(config['max_image_size'], 'max_image_size')];
    const square = { width: edge, height: edge };
    return {
      ...common,
      aspect: 'crop',
      longestEdge,
      resized: square,
      ...square,
      splits: flag(config, 'do_image_splitting', true),
    };
  }
  const resized = sizeOf(config['size']);
  const isSiglip = type.startsWith('Siglip');
  // Only LLaVA's own processor pads to a square, which transformers takes for a LLaVA where no type is named.
  const pads = flag(config, 'do_pad', false) && !isSiglip && !type.startsWith('CLIP');
  const crops = flag(config, 'do_center_crop', !isSiglip);
  if (!crops && 'shortestEdge' in resized)
    throw invalid(
      'size must have width and height where nothing is cropped, so that pictures have one size',
      config['size'],
    );
  return {
    ...common,
    aspect: pads ? 'pad' : 'crop',
    longestEdge: null,
    resized,
    splits: false,
    ...(crops ? rectangle(config['crop_size'] ?? DEFAULT_CROP, 'crop_size') : (resized as Rectangle)),
  };
}

/** Mean of a channel where a folder names none, as transformers has it (`IMAGENET_STANDARD_MEAN`). */
const DEFAULT_MEAN = 0.5;

/**
 * The mean colour of a model's image processor as 8-bit levels, ⌊255 · mean⌋: what LLaVA pads a picture with. It is
 * read of any processor; one that names no `image_mean` of three parts of 1 has grey.
 * @throws InvalidConfigError where the folder is not there
 */
export async function readMeanColour(modelFolder: string): Promise<[number, number, number]> {
  if ((await stat(modelFolder).catch(() => null))?.isDirectory() !== true)
    throw new InvalidConfigError(
      `model.path: folder must be there for the mean colour of its pictures, got "${modelFolder}"; bring it back`,
    );
  const processor = (await readObject(modelFolder, 'processor_config.json'))?.['image_processor'];
  const settings = isJsonObject(processor) ? processor : await readObject(modelFolder, 'preprocessor_config.json');
  const given = settings?.['image_mean'];
  const isMean = Array.isArray(given) && given.length === 3 && given.every((part) => part >= 0 && part <= 1);
  const [red, green, blue] = isMean ? triple(given, 'image_mean') : [DEFAULT_MEAN, DEFAULT_MEAN, DEFAULT_MEAN];
  return [Math.trunc(red * 255), Math.trunc(green * 255), Math.trunc(blue * 255)];
}

/** What a person should know of how pictures are prepared. */
export function imageNotes({ splits }: ImageSettings): string[] {
  if (!splits) return [];
  return [
    'preprocessor_config.json: do_image_splitting must be false, got true (or nothing, which is true in transformers); every ' +
      'picture is taken as one square, without the tiles in which such a model sees small print; set it to false to agree',
  ];
}

function longest(value: unknown, name: string): number {
  const given = isJsonObject(value) ? value['longest_edge'] : undefined;
  if (given === undefined) throw invalid(`${name} must have longest_edge`, value);
  return edge(given, name, value);
}

/** `{ shortest_edge }`, `{ width, height }`, or a number, which is a shorter edge. */
function sizeOf(value: unknown): ImageSettings['resized'] {
  const { shortest_edge: shortest, ...others } = sizes(value);
  if (typeof value === 'number' || (shortest !== undefined && Object.keys(others).length === 0))
    return { shortestEdge: edge(shortest ?? value, 'size', value) };
  if (shortest === undefined && 'width' in others && 'height' in others) return rectangle(value, 'size');
  throw invalid('size must have shortest_edge, or width and height', value);
}

/** `{ width, height }`, or a number for both. */
function rectangle(value: unknown, name: string): Rectangle {
  const { width = value, height = value } = sizes(value);
  return { width: edge(width, name, value), height: edge(height, name, value) };
}

/** Keys of an object that say something. */
function sizes(value: unknown): JsonObject {
  return Object.fromEntries(Object.entries(isJsonObject(value) ? value : {}).filter(([, size]) => size !== null));
}

function edge(size: unknown, name: string, whole: unknown): number {
  if (Number.isInteger(size) && (size as number) > 0 && (size as number) <= MOST_EDGE) return size as number;
  throw invalid(`${name} must have edges from 1 to ${MOST_EDGE.toLocaleString('en')}`, whole);
}

function triple(value: unknown, name: string): [number, number, number] {
  if (Array.isArray(value) && value.length === 3 && value.every((item) => typeof item === 'number'))
    return value as [number, number, number];
  throw invalid(`${name} must be three numbers`, value);
}

function flag(config: JsonObject, key: string, otherwise: boolean): boolean {
  const value = config[key] ?? otherwise;
  if (typeof value === 'boolean') return value;
  throw invalid(`${key} must be true or false`, value);
}

const isPositive = (value: unknown): value is number => typeof value === 'number' && value > 0;

function invalid(text: string, value: unknown): InvalidConfigError {
  return new InvalidConfigError(`preprocessor_config.json: ${text}, got ${JSON.stringify(value) ?? 'nothing'}`);
}

async function readObject(folder: string, name: string): Promise<JsonObject | undefined> {
  const text = await readTextFile(join(folder, name));
  return text === null ? undefined : parseJsonObject(text, name);
}
