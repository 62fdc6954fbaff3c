// Fields of `config.json`, each held to its type and range.
import { InvalidConfigError } from '../../contracts/failures.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';

/**
 * Largest sizes of `config.json` that are taken: above every published model, and small enough to compute with. A size
 * that is not named here may reach {@link OTHER_MOST}.
 */
const MOST: Readonly<Record<string, number>> = {
  num_hidden_layers: 1_000,
  intermediate_size: 2 ** 20,
  vocab_size: 2 ** 24,
  max_position_embeddings: 2 ** 24,
  image_token_id: 2 ** 24,
  image_token_index: 2 ** 24,
};
const OTHER_MOST = 65_536;

/** Whether a key is there. `null` stands for a missing key, as transformers writes it. */
export function has(config: JsonObject, key: string): boolean {
  return (config[key] ?? null) !== null;
}

/** An object within `config.json`, such as `text_config`. */
export function section(config: JsonObject, key: string): JsonObject {
  const value = config[key];
  if (isJsonObject(value)) return value;
  throw refusal(key, 'an object', value);
}

/** True or false; a text such as "true" is neither. */
export function flag(config: JsonObject, key: string, otherwise: boolean): boolean {
  const value = config[key] ?? otherwise;
  if (typeof value === 'boolean') return value;
  throw refusal(key, 'true or false', value);
}

/** A size: a whole number from 1 to the largest that is taken. */
export function count(config: JsonObject, key: string, otherwise?: number): number {
  const value = numeric(config, key, otherwise);
  const most = MOST[key] ?? OTHER_MOST;
  if (Number.isInteger(value) && value > 0 && value <= most) return value;
  throw refusal(key, `a whole number from 1 to ${most.toLocaleString('en')}`, value);
}

/** A whole number of either sign, such as a layer counted from the end. */
export function integer(config: JsonObject, key: string, otherwise: number): number {
  const value = numeric(config, key, otherwise);
  if (Number.isInteger(value)) return value;
  throw refusal(key, 'one whole number', value);
}

/** The small number of a norm, above 0 and below 1. */
export function epsilon(config: JsonObject, key: string, otherwise: number): number {
  const value = numeric(config, key, otherwise);
  if (value > 0 && value < 1) return value;
  throw refusal(key, 'above 0 and below 1', value);
}

/** A finite number above 0. */
export function positive(config: JsonObject, key: string, otherwise: number): number {
  const value = numeric(config, key, otherwise);
  if (value > 0) return value;
  throw refusal(key, 'a positive number', value);
}

/** One of the texts that are read. */
export function choice<Choice extends string>(
  config: JsonObject,
  key: string,
  choices: readonly Choice[],
  otherwise: Choice,
): Choice {
  const value = config[key] ?? otherwise;
  const found = choices.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw refusal(key, choices.join(' or '), value);
}

/** @throws InvalidConfigError where a value of `config.json` does not divide another one */
export function requireDivisor(key: string, value: number, whole: number, name: string): void {
  if (whole % value !== 0) throw refusal(key, `a divisor of ${name}, ${whole.toLocaleString('en')}`, value);
}

/** What a key of `config.json` is refused with. */
export function refusal(key: string, wanted: string, value: unknown): InvalidConfigError {
  const got = (JSON.stringify(value) ?? 'nothing').slice(0, 80);
  return new InvalidConfigError(`config.json: ${key} must be ${wanted}, got ${got}`);
}

function numeric(config: JsonObject, key: string, otherwise?: number): number {
  const value = config[key] ?? otherwise;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw refusal(key, 'a number', value);
}
