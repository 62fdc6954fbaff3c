// A row's turns as a list, in the ways in which tables write lists of turns.
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';

/**
 * What stands under a row's key as a list: a list is itself; a text that is a list in JSON, and an object of lists of
 * one length (Parquet's struct of lists: `{ from: [a, b], value: [c, d] }`), become one; anything else stays as it is.
 */
export function asList(value: unknown): unknown {
  if (typeof value === 'string') return listOfText(value) ?? value;
  if (!isJsonObject(value)) return value;
  const columns = Object.entries(value);
  const length = lengthOf(columns[0]?.[1]);
  if (length === null || columns.some(([, column]) => lengthOf(column) !== length)) return value;
  return Array.from({ length }, (_, index): JsonObject =>
    Object.fromEntries(columns.map(([key, column]) => [key, (column as unknown[])[index]])),
  );
}

function lengthOf(column: unknown): number | null {
  return Array.isArray(column) ? column.length : null;
}

function listOfText(text: string): unknown[] | null {
  if (!/^\s*\[/.test(text)) return null;
  try {
    const found: unknown = JSON.parse(text);
    return Array.isArray(found) ? found : null;
  } catch {
    return null;
  }
}
