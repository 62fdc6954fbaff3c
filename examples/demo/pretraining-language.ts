// Pretraining rows without pictures.
import { without, type Draft, type Turn } from './demo-row.ts';
import type { Random } from './named-random.ts';
import { COLORS, GARMENTS, LETTERS, PLACES, SHAPES, optionLines } from './words.ts';

const WORDS: readonly string[] = [...GARMENTS, ...SHAPES, ...COLORS];

/** A row without a picture that teaches a form of answer: sums, letters, yes and no, counting, places. */
export function languageDraft(random: Random): Draft {
  const maker = random.pick([sumTurn, letterTurn, sameWordTurn, countTurn, placeTurn]);
  return { turns: [maker(random)], picture: null };
}

function sumTurn(random: Random): Turn {
  const [a, b] = [random.integer(0, 10), random.integer(0, 10)];
  return [`What is ${a} plus ${b}?`, String(a + b)];
}

function letterTurn(random: Random): Turn {
  const options = random.sample(WORDS, 3);
  const index = random.integer(0, 3);
  return [`The word is ${options[index]!}.${optionLines(options)}\nWhich letter is it?`, LETTERS[index]!];
}

function sameWordTurn(random: Random): Turn {
  const word = random.pick(WORDS);
  const yes = random.uniform() < 0.5;
  const asked = yes ? word : random.pick(without(WORDS, word));
  return [`The word is ${word}. Is it ${asked}?`, yes ? 'yes' : 'no'];
}

function countTurn(random: Random): Turn {
  const word = random.pick(WORDS);
  const length = random.integer(2, 5);
  const hits = random.integer(0, length + 1);
  const list = Array.from({ length }, (_, index) => (index < hits ? word : random.pick(without(WORDS, word))));
  return [`${random.sample(list).join(', ')}. How often is ${word} in the list?`, String(hits)];
}

function placeTurn(random: Random): Turn {
  const count = random.integer(2, 5);
  const places = random.sample(PLACES, count).sort((a, b) => PLACES.indexOf(a) - PLACES.indexOf(b));
  const words = random.sample(WORDS, count);
  const list = places.map((place, index) => `${place} ${words[index]!}`);
  const index = random.integer(0, count);
  return [`${list.join(', ')}. Where is ${words[index]!}?`, places[index]!];
}
