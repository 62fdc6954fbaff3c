/** Pieces of a JSON text in its own characters: numbers that JavaScript would round, escapes and spacing stay as they are. */

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

/** The text of every value of an object; of a key that stands twice the last, as `JSON.parse` takes it. */
export function rawFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let depth = 0;
  let key = '';
  let valueStart = 0;
  let inValue = false;
  for (const { token, start, end } of tokens(text)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    const closes = depth === 0 || (depth === 1 && token === ',');
    if (closes && inValue) {
      fields.set(key, text.slice(valueStart, start).trim());
      inValue = false;
    }
    if (depth !== 1 || inValue) continue;
    if (token === '"') key = JSON.parse(text.slice(start, end)) as string;
    else if (token === ':') [inValue, valueStart] = [true, end];
  }
  return fields;
}

/** An object with these texts as its values. */
export function objectOf(fields: Iterable<readonly [key: string, value: string]>): string {
  return `{${Array.from(fields, ([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`;
}

/** The text of an object or array with its string values, not its keys, replaced where `change` gives another; all else stays as it is. */
export function withStrings(text: string, change: (value: string) => string): string {
  let written = '';
  let copied = 0;
  let string: { start: number; end: number } | null = null;
  for (const { token, start, end } of tokens(text)) {
    if (string !== null && token !== ':') {
      const value = JSON.parse(text.slice(string.start, string.end)) as string;
      const changed = change(value);
      if (changed !== value) {
        written += text.slice(copied, string.start) + JSON.stringify(changed);
        copied = string.end;
      }
    }
    string = token === '"' ? { start, end } : null;
  }
  return written + text.slice(copied);
}
