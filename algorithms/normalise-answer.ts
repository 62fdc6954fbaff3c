// Short answers made comparable: the same answer in other writing is the same text.

/** Zero to ten, the word's place being its number. */
const NUMBERS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'] as const;
const NUMBER_WORD = new RegExp(`(?<![\\p{L}\\p{N}])(?:${NUMBERS.join('|')})(?![\\p{L}\\p{N}])`, 'gu');
/** Punctuation, spaces and articles before an answer, but for the sign or point of a number. */
const BEFORE = /^(?:(?![-.]?\.?\p{N})[\p{P}\s]|(?:an?|the)\s+(?=\S))+/u;
const PUNCTUATION = /^[\p{P}\s]$/u;
const DIGIT = /^\p{N}$/u;

/**
 * An answer as it is compared by exact match, after the fashion of VQA: Unicode NFKC, lower case, number words zero to
 * ten as digits, punctuation at both ends and articles (a, an, the) at the beginning removed, white space collapsed. A
 * number keeps its sign, its leading point and its per cent; what would leave nothing stays, so the choice `A.` is `a`
 * and `?` is itself. Doing it twice changes nothing. Cost linear in the length.
 *
 * Differs: VQA's own evaluation removes articles and most punctuation everywhere, and expands contractions; here what
 * stands inside an answer stays, and a letter at the end (`vitamin A`) is no article.
 */
export function normaliseAnswer(text: string): string {
  // Lower case may take a text apart again.
  const plain = text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim();
  const numbered = plain.replace(NUMBER_WORD, (word) => String(NUMBERS.findIndex((name) => name === word)));
  const ended = withoutEnd(numbered);
  return ended.replace(BEFORE, '') || ended || numbered;
}

/** A text without the punctuation behind it. */
function withoutEnd(text: string): string {
  const characters = [...text];
  let length = characters.length;
  const isKept = (place: number): boolean =>
    !PUNCTUATION.test(characters[place]!) || (characters[place] === '%' && DIGIT.test(characters[place - 1] ?? ''));
  while (length > 0 && !isKept(length - 1)) length -= 1;
  return characters.slice(0, length).join('');
}
