import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidConfigError } from '../contracts/failures.ts';
import type { ResizeFilter } from './image-resize.ts';

/** What the model folder says about pictures. */
export interface ImageSettings {
  /** Shorter edge after the resize; the longer one keeps the aspect. Null = straight to `width` × `height`. */
  shortestEdge: number | null;
  /** Longer edge after a first resize that keeps the aspect, before the one to `width` × `height`; null = none. */
  longestEdge: number | null;
  filter: ResizeFilter;
  width: number;
  height: number;
  rescaleFactor: number;
  /** By channel, RGB. */
  mean: readonly [number, number, number];
  standardDeviation: readonly [number, number, number];
}

type Json = Record<string, unknown>;

/** Pillow's numbers of the filters. */
const FILTERS: Record<number, ResizeFilter> = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' };

/**
 * Reads `preprocessor_config.json`, or `processor_config.json` → `image_processor`.
 * @throws InvalidConfigError where neither is there, or a setting has no exact counterpart here
 */
export async function readImageSettings(modelFolder: string): Promise<ImageSettings> {
  const plain = await readJson(join(modelFolder, 'preprocessor_config.json'));
  const config =
    plain ?? ((await readJson(join(modelFolder, 'processor_config.json')))?.['image_processor'] as Json | undefined);
  if (config === undefined) {
    throw new InvalidConfigError(
      `model.path: must hold preprocessor_config.json or processor_config.json, got neither in ${modelFolder}`,
    );
  }
  return parseImageSettings(config);
}

/** @see readImageSettings; the same for parsed JSON. */
export function parseImageSettings(config: Json): ImageSettings {
  const isIdefics = /^(Idefics3|SmolVLM)ImageProcessor/.test(String(config['image_processor_type']));
  const resample = config['resample'] ?? (isIdefics ? 1 : 3);
  const filter = FILTERS[resample as number];
  if (filter === undefined)
    throw invalid(`resample must be 1 (Lanczos), 2 (bilinear) or 3 (bicubic), got ${JSON.stringify(resample)}`);
  for (const step of ['do_resize', 'do_rescale', 'do_normalize']) {
    if (config[step] === false) throw invalid(`${step} must be true, got false`);
  }
  const common = {
    filter,
    rescaleFactor: typeof config['rescale_factor'] === 'number' ? config['rescale_factor'] : 1 / 255,
    mean: triple(config['image_mean'], 'image_mean'),
    standardDeviation: triple(config['image_std'], 'image_std'),
  };
  if (isIdefics) {
    const [longestEdge, edge] = [longest(config['size'], 'size'), longest(config['max_image_size'], 'max_image_size')];
    return { ...common, shortestEdge: null, longestEdge, width: edge, height: edge };
  }
  const size = edges(config['size'], 'size');
  const cropped =
    config['do_center_crop'] !== false && config['crop_size'] !== undefined
      ? edges(config['crop_size'], 'crop_size')
      : size;
  return {
    ...common,
    shortestEdge: size.shortest,
    longestEdge: null,
    width: cropped.width,
    height: cropped.height,
  };
}

function longest(value: unknown, name: string): number {
  const edge = ((value ?? {}) as Json)['longest_edge'];
  if (typeof edge === 'number' && edge > 0) return edge;
  throw invalid(`${name} must have longest_edge, got ${JSON.stringify(value) ?? 'nothing'}`);
}

function edges(value: unknown, name: string): { shortest: number | null; width: number; height: number } {
  if (typeof value === 'number') return { shortest: value, width: value, height: value };
  const { shortest_edge: shortest, width, height } = (value ?? {}) as Json;
  if (typeof shortest === 'number') return { shortest, width: shortest, height: shortest };
  if (typeof width === 'number' && typeof height === 'number') return { shortest: null, width, height };
  throw invalid(`${name} must have shortest_edge, or width and height, got ${JSON.stringify(value) ?? 'nothing'}`);
}

function triple(value: unknown, name: string): [number, number, number] {
  if (Array.isArray(value) && value.length === 3 && value.every((item) => typeof item === 'number'))
    return value as [number, number, number];
  throw invalid(`${name} must be three numbers, got ${JSON.stringify(value) ?? 'nothing'}`);
}

function invalid(text: string): InvalidConfigError {
  return new InvalidConfigError(`preprocessor_config.json: ${text}`);
}

async function readJson(path: string): Promise<Json | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}
