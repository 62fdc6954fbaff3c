// A column of few different words: a code a row, each word once.

/** Words by row, or none. */
export class WordColumn {
  /** `[row]` 0: none; else 1 + the word's place in {@link words}. */
  readonly codes: Uint32Array;
  readonly words: string[] = [];
  readonly #codeOf = new Map<string, number>();

  constructor(rowCount: number) {
    this.codes = new Uint32Array(rowCount);
  }

  set(row: number, word: string | null): void {
    if (word === null) {
      this.codes[row] = 0;
      return;
    }
    let code = this.#codeOf.get(word);
    if (code === undefined) {
      code = this.words.push(word);
      this.#codeOf.set(word, code);
    }
    this.codes[row] = code;
  }

  at(row: number): string | null {
    const code = this.codes[row]!;
    return code === 0 ? null : this.words[code - 1]!;
  }

  /** The code of a word; null where no row has had it. */
  codeOf(word: string): number | null {
    return this.#codeOf.get(word) ?? null;
  }

  /** Words that rows have, with how many have each, by name. */
  counts(): { word: string; count: number }[] {
    const counts = new Uint32Array(this.words.length + 1);
    for (const code of this.codes) counts[code]! += 1;
    return this.words
      .map((word, index) => ({ word, count: counts[index + 1]! }))
      .filter(({ count }) => count > 0)
      .sort((left, right) => (left.word < right.word ? -1 : 1));
  }
}
