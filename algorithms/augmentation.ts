// Which operations on its pictures leave a row's answers right, by the words of its questions and answers.
import { PICTURE_OPERATIONS } from '../contracts/augmentation.ts';
import type { PictureOperation, PlainReason } from '../contracts/augmentation.ts';
import { isEnglish } from './english-words.ts';

/** What of a row decides how its pictures may be changed. */
export interface JudgedRow {
  /** Turns of the person, and the system's. */
  questions: readonly string[];
  /** Turns of the model. */
  answers: readonly string[];
  imageCount: number;
  /** Videos and sounds. */
  clipCount: number;
}

/** Operations that leave a row's answers right, in the order of `PICTURE_OPERATIONS`; why there are none. */
export type Judgement =
  | { allowed: readonly PictureOperation[]; reason: null }
  | { allowed: readonly []; reason: PlainReason };

const words = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word !== '');

const EDGES = words(`
  edge edges border borders bordered corner corners frame frames framed margin margins size sizes sized box boxes
  boxed pixel pixels
`);

const COUNTS = words('many count counts counted counting total totals sum several');

const NUMBER_WORDS = words(`
  zero none one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
  eighteen nineteen twenty thirty forty fifty hundred thousand dozen dozens single double triple couple pair pairs
`);

const POSITIONS = words(`
  left right leftmost rightmost top bottom topmost bottommost above below under underneath beneath over behind front
  beside between next near nearest far farthest edge edges corner corners center centre central middle side sides
  upper lower foreground background where position positions positioned location locations located
`);

const WHOLE_SCENE = words(`
  describe describes description descriptions describing detail details detailed scene scenes overall everything entire
  entirely whole summarize summarise summary caption captions overview all every visible complete completely partially
  cropped cut
`);

const TEXT_READING = words(`
  read reads reading text texts word words letter letters written write writes writing wrote say says said spell spells
  spelled spelling label labels labeled labelled caption captions title titles headline logo logos brand brands
  number numbers numbered digit digits numeral plate plates license licence ocr transcribe transcription handwriting
  handwritten printed print font fonts document documents page pages book books magazine newspaper newspapers receipt
  invoice form menu poster posters banner banners billboard billboards screen screens website url barcode code slogan
  quote message messages phrase sentence sentences character characters alphabet sign signs signage clock clocks watch
  date dates year price prices score scores scoreboard jersey jerseys ticket map maps chart charts graph graphs diagram
  diagrams plot axis legend figure formula equation calendar keyboard
`);

const SIDES = words(`
  left right leftmost rightmost lefthand righthand east west eastern western eastward westward northeast northwest
  southeast southwest eastbound westbound clockwise counterclockwise anticlockwise hand hands handed handedness side
  sides sideways mirror mirrors mirrored mirroring reflection reflections reflected direction directions facing faces
  heading turn turns turning arrow arrows orientation oriented rotate rotated rotation driver steering flag flags
  symmetric symmetrical symmetry asymmetric flip flipped
`);

const LIGHT = words(`
  color colors colored coloured coloring colour colours colourful colorful light lights lighting lighted lit lighter dark
  darker darkest darkness bright brighter brightest brightness brightly day days daytime daylight night nights nighttime
  time times weather sunny sunlight sunlit sun cloudy overcast foggy fog sunset sunrise dusk dawn morning evening
  afternoon noon midnight shadow shadows shade shades shaded contrast exposure exposed glare glowing glow pale tint hue
  black white gray grey dim shiny reflective season
`);

const FINE_DETAIL = words(`
  detail details detailed fine tiny small smaller smallest texture textures textured pattern patterns patterned sharp
  sharpness blur blurry blurred resolution quality pixel pixels pixelated grain grainy noise noisy focus focused zoom
  thin distant far
`);

/** Boxes and points as they are written into texts. */
const PLACES: readonly RegExp[] = [
  /[[(]\s*-?\d+(\.\d+)?\s*,\s*-?\d+(\.\d+)?/,
  /<\/?\|?(box|bbox|ref|quad|point|loc|object_ref)\w*\|?>/i,
  /\b(coordinates?|bounding|bbox(es)?|regions?)\b/i,
];

/** Names that stand somewhere to be read. */
const NAMES = /\b(names? of|named)\b/i;

const DIGIT = /\d/;

/** What an operation must not meet: words whole and in any case, patterns anywhere. */
interface Forbidden {
  /** In questions and answers. */
  words: ReadonlySet<string>;
  patterns: readonly RegExp[];
  /** In answers. */
  answerWords?: ReadonlySet<string>;
  answerPatterns?: readonly RegExp[];
}

/** What questions and answers must not contain, operation by operation. */
export const FORBIDDEN: Readonly<Record<PictureOperation, Forbidden>> = {
  border: { words: new Set(EDGES), patterns: PLACES },
  crop: {
    words: new Set([...COUNTS, ...POSITIONS, ...EDGES, ...WHOLE_SCENE, ...TEXT_READING]),
    patterns: [...PLACES, NAMES],
    answerWords: new Set(NUMBER_WORDS),
    answerPatterns: [DIGIT],
  },
  flip: { words: new Set([...SIDES, ...TEXT_READING]), patterns: [...PLACES, NAMES, DIGIT] },
  brightness: { words: new Set(LIGHT), patterns: [] },
  resample: { words: new Set([...TEXT_READING, ...FINE_DETAIL]), patterns: [NAMES] },
};

/** Questions and answers that are about written text or about places in the picture: nothing of it is changed. */
const READS_OR_GROUNDS: readonly RegExp[] = [
  /\bocr\b/i,
  /\btranscri(be|bes|bed|bing|pt|ption)\b/i,
  /\bread (the|this|these|out|any|all|aloud|what)\b/i,
  /\bwhat (do|does|did)\b[^?.!]*\b(say|read|spell)\b/i,
  /\bwhat (is|are|was|were)\b[^?.!]*\b(written|printed|spelled|engraved)\b/i,
  /\b(texts?|words|letters|digits|numbers) (in|on|of|that|shown|written|visible|appearing)\b/i,
  ...PLACES,
];

/** Words in names of tasks that read text or name places. */
const TASK_WORDS: ReadonlySet<string> = new Set(
  words(`
    ocr ocrvqa textocr textvqa textcaps docvqa chartqa infovqa infographicvqa infographics stvqa refcoco refcocog grounding
    grounded vg detection localization localisation
  `),
);

/** Share of a task's rows that read or ground from which on the task does. */
const TASK_SHARE = 0.25;

/**
 * The operations after which a row's answers are still right: those whose forbidden words and patterns stand in none of
 * its texts. Nothing is allowed for rows without pictures, with videos or sounds, whose texts are not known to be
 * English ({@link isEnglish}), or that read text or name places.
 *
 * @see method specification §6, augmentation that keeps the answer valid
 */
export function allowedChanges({ questions, answers, imageCount, clipCount }: JudgedRow): Judgement {
  if (imageCount === 0) return nothing('no_picture');
  if (clipCount > 0) return nothing('has_clips');
  const [asked, answered] = [questions.map(withoutPictures), answers.map(withoutPictures)];
  const text = [...asked, ...answered].join('\n');
  if (READS_OR_GROUNDS.some((pattern) => pattern.test(text))) return nothing('reads_or_grounds');
  if (!isEnglish(asked, answered)) return nothing('not_english');
  const [all, own] = [tokensOf(text), tokensOf(answered.join('\n'))];
  const allowed = PICTURE_OPERATIONS.filter((operation) => {
    const { words: wholes, patterns, answerWords, answerPatterns = [] } = FORBIDDEN[operation];
    if (all.some((word) => wholes.has(word)) || patterns.some((pattern) => pattern.test(text))) return false;
    if (answerWords !== undefined && own.some((word) => answerWords.has(word))) return false;
    return !answered.some((answer) => answerPatterns.some((pattern) => pattern.test(answer)));
  });
  return allowed.length === 0 ? nothing('forbidden_words') : { allowed, reason: null };
}

/**
 * Whether a task is one of reading or of naming places: by a word of its name, or by a quarter of its rows with
 * pictures.
 *
 * @param judged judgements of its rows
 */
export function taskReadsOrGrounds(task: string, judged: readonly Judgement[]): boolean {
  if (tokensOf(task).some((word) => TASK_WORDS.has(word))) return true;
  const withPicture = judged.filter(({ reason }) => reason !== 'no_picture');
  const reading = withPicture.filter(({ reason }) => reason === 'reads_or_grounds').length;
  return reading > 0 && reading >= TASK_SHARE * withPicture.length;
}

/** No operation, and why. */
export function nothing(reason: PlainReason): Judgement {
  return { allowed: [], reason };
}

/** A text without the places of its pictures. */
function withoutPictures(text: string): string {
  return text.replaceAll('<image>', ' ');
}

/** Runs of letters in lower case. */
function tokensOf(text: string): string[] {
  return text.toLowerCase().match(/\p{L}+/gu) ?? [];
}
