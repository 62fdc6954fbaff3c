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
  requireShallow(text, `${file}:`);
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

/** Maps and lists within one another; no file of a model has a tenth of it. */
const DEEPEST = 500;

/**
 * Refuses JSON that is nested beyond what functions that call themselves can follow.
 * @param where what it is, for messages
 * @throws InvalidConfigError where it is
 */
export function requireShallow(text: string, where: string): void {
  let depth = 0;
  let inText = false;
  for (let place = 0; place < text.length; place += 1) {
    const code = text.charCodeAt(place);
    if (inText) {
      if (code === BACKSLASH) place += 1;
      else if (code === QUOTE) inText = false;
    } else if (code === QUOTE) inText = true;
    else if (code === LIST_OPEN || code === MAP_OPEN) depth += 1;
    else if (code === LIST_CLOSE || code === MAP_CLOSE) depth -= 1;
    if (depth > DEEPEST)
      throw new InvalidConfigError(
        `${where} must be nested at most ${DEEPEST} deep, got more; fetch the original file`,
      );
  }
}

const [QUOTE, BACKSLASH] = ['"', '\\'].map((character) => character.charCodeAt(0));
const [LIST_OPEN, LIST_CLOSE, MAP_OPEN, MAP_CLOSE] = ['[', ']', '{', '}'].map((character) => character.charCodeAt(0));
