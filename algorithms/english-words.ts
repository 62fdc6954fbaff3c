// Whether a row's texts are English: by its commonest words, those that are usual in other languages left out.

/** Share of ASCII letters among all letters that an English text has at least: names with accents are a few. */
const LEAST_ASCII = 0.95;

/** Different usual words of English that the questions of a row must have. */
const LEAST_WORDS = 2;

/** Words from which on an answer is long enough to be judged by itself. */
const JUDGED_ANSWER = 4;

const list = (words: string): ReadonlySet<string> => new Set(words.split(/\s+/).filter((word) => word !== ''));

/** Of the usual words of English those that are no usual words of another language written in Latin letters. */
export const ENGLISH_WORDS = list(`
  the and are be been being with from this that these those there their they them it its he his she you your our us what
  which who whose whom where when why how does did doing done having have can could would should shall may might must
  not if or but because than into onto about after before between through during without within against above below out
  up down here only very more most any each every both few many much other another just also two three first second
  please answer question describe name tell explain give identify choose select show shown shows picture following using
  visible people thing things kind yes scene seen see looks number colour
`);

/** Usual words of English that are usual elsewhere too: they tell English from nothing, not from its neighbours. */
export const SHARED_WORDS = list(`
  a i in is of on at for to an as was so do has had will were no me my we by her some such same own one over under then
  man person object objects image photo type best true false color list find like
`);

/** Commonest words of other languages written in Latin letters that are no usual words of English. */
export const FOREIGN_WORDS = list(`
  der das und ist nicht ein eine einen einem einer dem den des mit von auf für wie viele wer wo auch sich sind dieses
  zeigt welche welcher bild diesem
  le les la une du est et dans que qui sur avec pas ce cette ces il elle sont quel quelle où au aux
  el las los una del es en por qué cuál cómo dónde está con para se lo al su imagen este esta hay
  gli di che è nel nella della sono questo questa quale cosa dove immagine
  os um uma da em não com onde são qual imagem isso
  het een dat op te zijn voor niet wat hoe er hij ze deze dit welke afbeelding
  och att det som på av är inte ett jag hur vad vilken bilden
  og ikke til af hvad hvilken hvor billedet bildet
  na nie jest się co jak ile gdzie jaki obrazie przez dla
  bir ve bu için ne var mi nedir kaç resimde
  yang dan ini itu apa dengan untuk ada pada tidak berapa gambar
  ja ei että hän mitä kuvassa ovat
  az és egy nem milyen hogy képen
  în și cu pe care unde imagine
  je že jsou obrázku
`);

/**
 * Whether the texts of a row are English, decided so that the word lists of `augmentation.ts` can be trusted:
 *
 * - at least 95 % of all letters are ASCII;
 * - the questions together have at least 2 different usual words of English, and more of {@link ENGLISH_WORDS} than of
 *   {@link FOREIGN_WORDS}: at least one, therefore;
 * - each answer of 4 words and more has more usual words of English than of {@link FOREIGN_WORDS}.
 *
 * What is not known to be English is not: texts of a word or two, for instance.
 *
 * @param questions turns of the person, and the system's
 * @param answers turns of the model
 */
export function isEnglish(questions: readonly string[], answers: readonly string[]): boolean {
  const letters = [...questions, ...answers].join(' ').match(/\p{L}/gu) ?? [];
  const ascii = letters.filter((letter) => /[a-z]/i.test(letter)).length;
  if (letters.length === 0 || ascii < LEAST_ASCII * letters.length) return false;
  const asked = wordsOf(questions.join(' '));
  const english = asked.filter((word) => ENGLISH_WORDS.has(word));
  const known = new Set(asked.filter((word) => ENGLISH_WORDS.has(word) || SHARED_WORDS.has(word)));
  if (known.size < LEAST_WORDS || english.length <= foreignCount(asked)) return false;
  return answers.map(wordsOf).every((words) => {
    if (words.length < JUDGED_ANSWER) return true;
    const usual = words.filter((word) => ENGLISH_WORDS.has(word) || SHARED_WORDS.has(word));
    return usual.length > foreignCount(words);
  });
}

/** Words of a text in lower case: runs of letters and apostrophes. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{M}'’]+/gu) ?? [];
}

function foreignCount(words: readonly string[]): number {
  return words.filter((word) => FOREIGN_WORDS.has(word)).length;
}
