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

const SHORT_CODES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
