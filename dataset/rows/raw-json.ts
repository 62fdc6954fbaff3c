// Pieces of a JSON text in its own characters: numbers that JavaScript would round and escapes stay as they are.

const STRUCTURE = /["{}[\],:]/g;

/** Place behind the string that begins at `start`. The text is valid JSON. */
function endOfString(text: string, start: number): number {
  let end = start + 1;
  while (text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end + 1;
}

/** What has a meaning in a JSON text: brackets, commas, colons and strings, with their places. */
function* tokens(text: string): Generator<{ token: string; start: number; end: number }> {
  const structure = new RegExp(STRUCTURE);
  for (let found = structure.exec(text); found !== null; found = structure.exec(text)) {
    const start = found.index;
    const token = found[0];
    const end = token === '"' ? endOfString(text, start) : start + 1;
    yield { token, start, end };
    structure.lastIndex = end;
  }
}

/** What Python's `json.dumps` writes of numbers that are none, outside of strings. */
const NOT_A_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|(?<![\w.])-?(?:NaN|Infinity)\b/gs;

/**
 * `JSON.parse` of what Python writes too: `NaN`, `Infinity` and `-Infinity` are read as null. Their text stays what the
 * row is kept as.
 * @throws SyntaxError where the text is neither
 */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error;
    const plain = text.replace(NOT_A_NUMBER, (token) => (token.startsWith('"') ? token : 'null'));
    if (plain === text) throw error;
    return JSON.parse(plain);
  }
}

/** Where every value of an object stands in its text; of a key that stands twice the last, as `JSON.parse` takes it. */
export function fieldRanges(text: string): Map<string, { start: number; end: number }> {
  const fields = new Map<string, { start: number; end: number }>();
  let depth = 0;
  let key = '';
  let valueStart = -1;
  for (const { token, start, end } of tokens(text)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    const closes = depth === 0 || (depth === 1 && token === ',');
    if (closes && valueStart >= 0) {
      const value = text.slice(valueStart, start);
      const first = valueStart + value.length - value.trimStart().length;
      fields.set(key, { start: first, end: first + value.trim().length });
      valueStart = -1;
    }
    if (depth !== 1 || valueStart >= 0) continue;
    if (token === '"') key = JSON.parse(text.slice(start, end)) as string;
    else if (token === ':') valueStart = end;
  }
  return fields;
}

/** The text of every value of an object. */
export function rawFields(text: string): Map<string, string> {
  return new Map([...fieldRanges(text)].map(([key, { start, end }]) => [key, text.slice(start, end)]));
}

/** An object with these texts as its values. */
export function objectOf(fields: Iterable<readonly [key: string, value: string]>): string {
  return `{${Array.from(fields, ([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`;
}

/**
 * The text of an object or array with its string values, not its keys, replaced where `change` gives another; all else
 * stays as it is.
 *
 * @param change is given the key that a value stands under, be it in lists; null for none
 */
export function withStrings(text: string, change: (value: string, key: string | null) => string): string {
  let written = '';
  let copied = 0;
  let string: { start: number; end: number } | null = null;
  const keys: (string | null)[] = [null];
  for (const { token, start, end } of tokens(text)) {
    if (string !== null) {
      const value = JSON.parse(text.slice(string.start, string.end)) as string;
      if (token === ':') keys[keys.length - 1] = value;
      else {
        const changed = change(value, keys.at(-1) ?? null);
        if (changed !== value) {
          written += text.slice(copied, string.start) + JSON.stringify(changed);
          copied = string.end;
        }
      }
    }
    string = token === '"' ? { start, end } : null;
    if (token === '{' || token === '[') keys.push(token === '[' ? keys.at(-1)! : null);
    else if (token === '}' || token === ']') keys.pop();
  }
  return written + text.slice(copied);
}

/** A JSON text's bytes without white space outside of its strings. */
export function onOneLine(json: Uint8Array): Uint8Array {
  const kept = new Uint8Array(json.length);
  let length = 0;
  let inString = false;
  for (let place = 0; place < json.length; place += 1) {
    const byte = json[place]!;
    if (!inString && (byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d)) continue;
    kept[length++] = byte;
    if (byte === QUOTE) inString = !inString;
    else if (inString && byte === BACKSLASH) kept[length++] = json[++place]!;
  }
  return kept.subarray(0, length);
}

/** A text on one line, whatever it is: one that is no JSON may have breaks in its strings, and is set aside later. */
export function withoutBreaks(text: Uint8Array): Uint8Array {
  return text.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte));
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
