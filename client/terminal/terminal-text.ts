// Texts as terminals and shells take them.

/**
 * Text of a dataset for a terminal: control and format characters, which may be commands to it or turn what is shown
 * around, stand as codes.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0)!.toString(16);
    return SHORT_CODES[character] ?? `\\u${code.length > 4 ? `{${code}}` : code.padStart(4, '0')}`;
  });
}

/** A number with commas between its thousands. */
export function grouped(value: number): string {
  return value.toLocaleString('en');
}

/** A time that is expected, in the unit that says enough: `41 s`, `12 min`, `3.5 h`. */
export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Lines of a name, padded to a column, and what there is to say of it. */
export function namedLines(lines: readonly (readonly [name: string, text: string])[]): string[] {
  return lines.map(([name, text]) => `${name.padEnd(13)} ${text}`);
}

/** Writes what was found to standard output, for people or for programs. */
export function print<Found>(found: Found, asJson: boolean | undefined, describe: (found: Found) => string[]): void {
  process.stdout.write(`${asJson === true ? JSON.stringify(found, null, 2) : describe(found).join('\n')}\n`);
}

/** Words as a shell takes them. */
export function commandLine(words: readonly string[]): string {
  const quoted = (word: string): string =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
  return words.map(quoted).join(' ');
}

const SHORT_CODES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
