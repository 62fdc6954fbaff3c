// The description that LLaMA-Factory keeps beside files of rows: how a file's rows name what they hold.
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import type { RowForm } from './row-form.ts';
import { SHAREGPT_NAMES } from './sharegpt.ts';

/** Stands beside a dataset's file and says how its rows are read. */
export const DESCRIPTION_FILE = 'dataset_info.json';

/**
 * What LLaMA-Factory's `dataset_info.json` beside a file says of its rows: the entry whose `file_name` is the file's.
 * Null where there is no such file or entry.
 *
 * @throws InvalidDatasetError where the file cannot be read, or its entry is of another formatting
 * @see hiyouga/LLaMA-Factory `data/README.md`
 */
export async function readRowForm(path: string): Promise<RowForm | null> {
  const text = await readFile(join(dirname(path), DESCRIPTION_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  let info: unknown;
  try {
    info = JSON.parse(text);
  } catch (error) {
    throw new InvalidDatasetError(`${DESCRIPTION_FILE}: must be valid JSON, got ${(error as Error).message}`, {
      cause: error,
    });
  }
  const entries = Object.entries((info ?? {}) as JsonObject) as [string, JsonObject | null][];
  const found = entries.find(([, entry]) => entry?.['file_name'] === basename(path));
  return found === undefined ? null : toForm(...(found as [string, JsonObject]));
}

function toForm(name: string, entry: JsonObject): RowForm {
  // Without the key LLaMA-Factory reads alpaca.
  const formatting = entry['formatting'] ?? 'alpaca';
  if (formatting !== 'sharegpt') {
    throw new InvalidDatasetError(
      `${DESCRIPTION_FILE} ${name}: formatting must be sharegpt, got ${JSON.stringify(formatting)}; convert the rows to turns`,
    );
  }
  const [columns, tags] = [readNames(name, entry, 'columns'), readNames(name, entry, 'tags')];
  return {
    turns: columns['messages'] ?? SHAREGPT_NAMES.turns,
    images: columns['images'] ?? SHAREGPT_NAMES.images,
    system: columns['system'] ?? null,
    role: tags['role_tag'] ?? SHAREGPT_NAMES.role,
    content: tags['content_tag'] ?? SHAREGPT_NAMES.content,
    user: tags['user_tag'] ?? SHAREGPT_NAMES.user,
    assistant: tags['assistant_tag'] ?? SHAREGPT_NAMES.assistant,
    systemRole: tags['system_tag'] ?? SHAREGPT_NAMES.systemRole,
  };
}

function readNames(name: string, entry: JsonObject, key: 'columns' | 'tags'): Partial<Record<string, string>> {
  const names = Object.fromEntries(
    Object.entries((entry[key] ?? {}) as JsonObject).filter(([, value]) => value !== null),
  );
  const bad = Object.entries(names).find(([, value]) => typeof value !== 'string');
  if (bad === undefined) return names as Record<string, string>;
  throw new InvalidDatasetError(
    `${DESCRIPTION_FILE} ${name}: ${key}.${bad[0]} must be a name, got ${JSON.stringify(bad[1])}`,
  );
}
