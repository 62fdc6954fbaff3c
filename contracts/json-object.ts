// Objects of JSON that came from outside.
import { InvalidConfigError } from './failures.ts';

/** An object of a JSON or YAML file that came from outside: nothing is known of its values. */
export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The object that a JSON file of a model folder holds.
 * @param file name of the file, for messages
 * @throws InvalidConfigError for text that is no JSON, or that holds a list, a text, a number or null
 */
export function parseJsonObject(text: string, file: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidConfigError(
      `${file}: must be valid JSON, got ${(error as Error).message}; fetch the file of the original folder`,
    );
  }
  if (isJsonObject(value)) return value;
  throw new InvalidConfigError(
    `${file}: must hold an object, got ${JSON.stringify(value).slice(0, 40)}; fetch the file of the original folder`,
  );
}
