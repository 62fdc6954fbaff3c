// The description that LLaMA-Factory keeps beside files of rows: how a file's rows name what they hold.
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { quoted } from '../rows/row-outcome.ts';
import { ALPACA_NAMES } from './questions.ts';
import type { AlpacaNames } from './questions.ts';
import type { RowForm } from './row-form.ts';
import { SHAREGPT_NAMES } from './sharegpt.ts';

/** Stands beside a dataset's file and says how its rows are read. */
export const DESCRIPTION_FILE = 'dataset_info.json';

/** Names that a description gives to a row's keys. */
export type DescribedForm = RowForm | AlpacaNames;

/**
 * What LLaMA-Factory's `dataset_info.json` beside a file, or one folder above, says of its rows: the entry whose
 * `file_name` is the file's.
 * Null where there is no such file or entry.
 *
 * @throws InvalidDatasetError where the file cannot be read, or its entry is of another formatting
 * @see hiyouga/LLaMA-Factory `data/README.md`
 */
export async function readRowForm(path: string): Promise<DescribedForm | null> {
  for (const folder of [dirname(path), dirname(dirname(path))]) {
    const text = await readDescription(join(folder, DESCRIPTION_FILE));
    const found = text === null ? undefined : entryOf(text, relative(folder, path).split(sep).join('/'));
    if (found !== undefined) return toForm(...found);
  }
  return null;
}

/** Null where there is none, or what is no file. */
async function readDescription(path: string): Promise<string | null> {
  return (await stat(path).catch(() => null))?.isFile() === true ? readFile(path, 'utf8') : null;
}

function entryOf(text: string, fileName: string): [name: string, entry: JsonObject] | undefined {
  let info: unknown;
  try {
    info = JSON.parse(text);
  } catch (error) {
    throw new InvalidDatasetError(`${DESCRIPTION_FILE}: must be valid JSON, got ${(error as Error).message}`, {
      cause: error,
    });
  }
  const entries = Object.entries((info ?? {}) as JsonObject);
  return entries.find(
    (entry): entry is [string, JsonObject] => isJsonObject(entry[1]) && entry[1]['file_name'] === fileName,
  );
}

function toForm(name: string, entry: JsonObject): DescribedForm {
  if (entry['ranking'] === true)
    throw new InvalidDatasetError(
      `${DESCRIPTION_FILE} ${name}: ranking must be false, got true; pairs of preferences have no one answer to learn`,
    );
  // Without the key LLaMA-Factory reads alpaca.
  const formatting = entry['formatting'] ?? 'alpaca';
  if (formatting === 'alpaca') {
    const columns = readNames(name, entry, 'columns');
    return {
      instruction: columns['prompt'] ?? ALPACA_NAMES.instruction,
      input: columns['query'] ?? ALPACA_NAMES.input,
      output: columns['response'] ?? ALPACA_NAMES.output,
      system: columns['system'] ?? ALPACA_NAMES.system,
      history: columns['history'] ?? ALPACA_NAMES.history,
      images: columns['images'] ?? ALPACA_NAMES.images,
    };
  }
  if (formatting !== 'sharegpt' && formatting !== 'openai') {
    throw new InvalidDatasetError(
      `${DESCRIPTION_FILE} ${name}: formatting must be alpaca, sharegpt or openai, got ${quoted(formatting)}; convert the rows to turns`,
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
