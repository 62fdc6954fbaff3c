// Training of a byte-level BPE.

/** A byte-level BPE: ids of all tokens and the merges in the order in which they apply. */
export interface BytePairs {
  vocabulary: Record<string, number>;
  merges: [string, string][];
}

/** Pieces that the ByteLevel pre-tokenizer cuts a text into (GPT-2's pattern). */
const PIECE = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/**
 * Trains a byte-level BPE until every piece of the texts is one token: the most frequent pair of neighbours is merged,
 * the smaller pair first among equals, until no pair is left. The result depends on the texts' pieces and their counts
 * alone, not on the order of the texts.
 *
 * @param texts without special tokens
 * @param specialTokens take the first ids; the 256 byte tokens follow
 */
export function trainBytePairs(texts: Iterable<string>, specialTokens: readonly string[]): BytePairs {
  const words = [...countPieces(texts)].map(([piece, count]) => ({ symbols: [...toByteText(piece)], count }));
  const merges: [string, string][] = [];
  for (let pair = mostFrequentPair(words); pair !== null; pair = mostFrequentPair(words)) {
    merges.push(pair);
    for (const word of words) word.symbols = mergeSymbols(word.symbols, pair);
  }
  const tokens = [...specialTokens, ...Object.values(BYTE_TEXT).sort(), ...merges.map((pair) => pair.join(''))];
  // two merges may give the same token
  return { vocabulary: Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id])), merges };
}

/** The pieces of a text as digits-then-ByteLevel pre-tokenization gives them: `' coat'`, `'.'`, `'7'`. */
export function splitPieces(text: string): string[] {
  return text.split(/(\p{N})/u).flatMap((part) => part.match(PIECE) ?? []);
}

/**
 * Each byte as a printable character: itself where printable, else the next free one from U+0100 on (GPT-2's table).
 */
const BYTE_TEXT: readonly string[] = byteTexts();

function byteTexts(): string[] {
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
}

function toByteText(text: string): string {
  return Array.from(Buffer.from(text, 'utf8'), (byte) => BYTE_TEXT[byte]!).join('');
}

function countPieces(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const piece of splitPieces(text)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  return counts;
}

function mostFrequentPair(words: readonly { symbols: string[]; count: number }[]): [string, string] | null {
  const counts = new Map<string, number>();
  for (const { symbols, count } of words) {
    for (let at = 1; at < symbols.length; at += 1) {
      const key = `${symbols[at - 1]!} ${symbols[at]!}`; // no symbol holds a space
      counts.set(key, (counts.get(key) ?? 0) + count);
    }
  }
  let best: { key: string; count: number } | null = null;
  for (const [key, count] of counts) {
    if (best === null || count > best.count || (count === best.count && key < best.key)) best = { key, count };
  }
  return best === null ? null : (best.key.split(' ') as [string, string]);
}

function mergeSymbols(symbols: readonly string[], [left, right]: readonly [string, string]): string[] {
  const merged: string[] = [];
  for (let at = 0; at < symbols.length; at += 1) {
    const meets = symbols[at] === left && symbols[at + 1] === right;
    merged.push(meets ? left + right : symbols[at]!);
    if (meets) at += 1;
  }
  return merged;
}
