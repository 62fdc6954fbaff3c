// Lists of rows as people and tools write them: a name a line.

/** Rows by their names. */
export interface RowNames {
  /** Ids as rows have them, texts without their quotes. */
  ids: ReadonlySet<string>;
  /** SHA-256 of contents, 32 characters each, one a byte: half the memory of hex. */
  hashes: ReadonlySet<string>;
}

const HASH = /^[0-9a-f]{64}$/;

/**
 * Reads a list of rows: an id or a content hash of 64 hex digits a line. White space around it, quotes around an id,
 * empty lines and lines that begin with `#` do not matter.
 */
export function parseRowNames(text: string): RowNames {
  const ids = new Set<string>();
  const hashes = new Set<string>();
  for (const line of text.replace(/^\uFEFF/, '').split('\n')) {
    const name = line.trim();
    if (name === '' || name.startsWith('#')) continue;
    if (HASH.test(name)) hashes.add(Buffer.from(name, 'hex').toString('latin1'));
    else ids.add(idName(name));
  }
  return { ids, hashes };
}

/** An id as lists have it, from its JSON text: a text without its quotes, a number as it is written. */
export function idName(json: string): string {
  if (!json.startsWith('"')) return json;
  try {
    return String(JSON.parse(json));
  } catch {
    return json;
  }
}

/** A name of {@link RowNames.hashes} as lists have it. */
export function hashName(key: string): string {
  return Buffer.from(key, 'latin1').toString('hex');
}
