// Keys of a row by the names that forms know, where the recipe says which of them holds what.
import type { ColumnName, DatasetConfig } from '../../contracts/config.ts';
import type { JsonObject } from '../../contracts/json-object.ts';

/** Names that a recipe can map. */
export const COLUMN_NAMES = [
  'image',
  'images',
  'video',
  'videos',
  'audio',
  'audios',
  'question',
  'answer',
  'system',
  'conversations',
  'messages',
  'prompt',
  'completion',
  'instruction',
  'input',
  'output',
  'history',
] as const satisfies readonly ColumnName[];

/** The row with what stands under each mapped key under its name; the row's own key of that name gives way. */
export function withColumns(fields: JsonObject, columns: DatasetConfig['columns']): JsonObject {
  const mapped = Object.entries(columns ?? {});
  if (mapped.length === 0) return fields;
  const taken = new Set<string>([...mapped.flat()]);
  const kept = Object.entries(fields).filter(([key]) => !taken.has(key));
  const named = mapped.filter(([, key]) => fields[key] !== undefined).map(([name, key]) => [name, fields[key]]);
  return Object.fromEntries([...kept, ...named]) as JsonObject;
}
