// `config.json` of a model folder as an architecture.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { isJsonObject, parseJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { readTextFile } from '../../contracts/outside-file.ts';
import type { Architecture } from './architecture.ts';
import { ARCHITECTURES, modelTypes } from './architectures.ts';
import { has } from './config-fields.ts';

/**
 * Reads `config.json` of a model folder in Hugging Face layout (transformers 4 and 5).
 * @throws InvalidConfigError for a folder without it, another architecture, or settings that change the mathematics.
 */
export async function readArchitecture(folder: string): Promise<Architecture> {
  const text = await readTextFile(join(folder, 'config.json'));
  if (text === null) {
    throw new InvalidConfigError(`model.path: must hold config.json, got ${await describeFolder(folder)}`);
  }
  return parseArchitecture(parseJsonObject(text, 'config.json'));
}

async function describeFolder(folder: string): Promise<string> {
  try {
    const names = await readdir(folder);
    return `a folder with ${names.length} files (${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''})`;
  } catch {
    return `no folder at ${folder}`;
  }
}

/** @see readArchitecture; the same for a parsed `config.json`. */
export function parseArchitecture(config: JsonObject): Architecture {
  const modelType = config['model_type'];
  const kind = ARCHITECTURES.find(({ modelTypes: types }) => types.some((type) => type === modelType));
  if (kind === undefined || typeof modelType !== 'string') {
    throw new InvalidConfigError(
      `config.json: model_type must be ${eitherOf([...modelTypes(true), ...modelTypes(false)])}, got ${JSON.stringify(modelType)}; others run by the torch engine: tive setup torch`,
    );
  }
  const parts = [config, config['text_config'], config['vision_config']].filter(isJsonObject);
  if (parts.some((part) => has(part, 'quantization_config'))) {
    throw new InvalidConfigError(
      'config.json: weights must not be quantised, got quantization_config; take the original folder',
    );
  }
  if (has(config, 'auto_map')) {
    throw new InvalidConfigError('config.json: model must not bring code of its own, got auto_map');
  }
  return kind.parse(config, modelType);
}

/** `a, b or c` */
function eitherOf(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
