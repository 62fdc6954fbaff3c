// Dialogues as the model reads them: ids, labels and places of pictures.
import type { SizedClip } from '../../contracts/clips.ts';
import type { PromptTemplate } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { RowVectors } from '../../contracts/tower-vectors.ts';
import { IMAGE_PLACEHOLDER } from '../forms/conversation.ts';
import type { Turn } from '../forms/conversation.ts';
import type { PromptPiece } from './prompt-piece.ts';
import type { ImageSize } from '../images/image-decode.ts';
import { isRejection } from '../rows/row-outcome.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import { readTokenizer } from './tokenizer.ts';
import { CountInTime, createRowWriter, guardOf } from './row-writer.ts';
import type { TextTokenizer } from './tokenizer.ts';
import type { EncodedBeginnings } from './word-encoder.ts';

/** Label of a position without a loss. */
export const IGNORED_LABEL = -100;

/** A row as the model reads it. */
export interface EncodedPrompt {
  /** `[token]`; the image id stands once for every image vector. */
  ids: Int32Array;
  /** `[token]`, −100 where there is no loss. */
  labels: Int32Array;
  imageTokenCount: number;
  supervisedTokenCount: number;
  /** Whether the end was cut at the longest length. */
  truncated: boolean;
  /** Of its pictures, videos and sounds in the model's towers, by an engine that counts them; absent: none. */
  towerVectors?: RowVectors;
}

/** What of a model's folder and config decides its prompts. Counts and lengths are in tokens. */
export interface PromptOptions {
  modelFolder: string;
  template: 'auto' | PromptTemplate;
  /** Image vectors of one picture. */
  imageTokenCount: number;
  imageTokenId: number;
  /** Texts of special tokens around a picture's vectors; absent: none. */
  imageFrame?: { before: string; after: string };
  vocabularySize: number;
  /** Longest example in tokens. */
  cutoffLen: number;
  /** `whole` encodes the joined text, as LLaVA does. `pieces` encodes part by part, as the golden numbers were made. */
  joining?: 'whole' | 'pieces';
  /** Wall time of a row's encoding in milliseconds; thousands of times what one takes where none is given. */
  limitMs?: number;
}

/** What is encoded of a row. */
export interface PromptRow {
  turns: readonly Turn[];
  imageCount: number;
  /** Videos and sounds; absent: none. */
  clips?: readonly SizedClip[];
  /** Asked for by models whose pictures differ in their vectors; why a picture cannot be used, where one cannot. */
  imageSizes(): Promise<ImageSize[] | Rejection>;
}

/** Turns dialogues into ids and labels. */
export interface PromptEncoder {
  /** Whether a special token ends answers. */
  endsAnswers: boolean;
  /** What a person should know of the prompts that were made. */
  notes(): string[];
  /** Rows in their order; those of one call share one deadline, which costs as much as a short row. */
  encodeAll(rows: readonly PromptRow[]): Promise<(EncodedPrompt | Rejection)[]>;
}

/** An encoder that needs no other process. */
export interface TextEncoder extends PromptEncoder {
  /** Text of ids without special tokens. */
  decode(ids: Int32Array): string;
  encode(turns: readonly Turn[], imageCount: number): EncodedPrompt | Rejection;
}

/**
 * The encoder of a model folder.
 * @throws InvalidConfigError for an unusable tokenizer, or one with ids above the model's vocabulary
 */
export async function createPromptEncoder(options: PromptOptions): Promise<TextEncoder> {
  const inTime = guardOf(options.limitMs);
  const tokenizer = await readTokenizer(options.modelFolder, inTime);
  const { vocabularySize } = options;
  if (tokenizer.largestId >= vocabularySize) {
    throw new InvalidConfigError(
      `tokenizer: ids must be below vocab_size ${vocabularySize}, got ${tokenizer.largestId}; take the converted folder's tokenizer`,
    );
  }
  const writer = inTime(() => createRowWriter(options.template, tokenizer));
  const join = options.joining === 'pieces' ? encodePieces : encodeWhole;
  const lastAnswers = new CountInTime(inTime);
  const encode = (turns: readonly Turn[], imageCount: number): EncodedPrompt | Rejection => {
    if (imageCount > 0 && options.imageTokenCount === 0) return takesNoImages(imageCount);
    const written = writer.write(turns, imageCount);
    if (isRejection(written)) return written;
    const joined = join(written.pieces, tokenizer, options);
    const prompt = isRejection(joined) ? joined : cut(joined, options);
    if (!isRejection(prompt) && written.lastAnswerOnly) lastAnswers.add();
    return prompt;
  };
  return {
    endsAnswers: writer.endsAnswers,
    notes: () => writer.notes(lastAnswers.count),
    decode: (ids) => inTime(() => tokenizer.decode(ids)),
    encode: (turns, imageCount) => lastAnswers.during(() => encode(turns, imageCount)),
    encodeAll: async (rows) =>
      lastAnswers.during(() =>
        rows.map(({ turns, imageCount, clips = [] }) => takesNoClips(clips) ?? encode(turns, imageCount)),
      ),
  };
}

function takesNoImages(imageCount: number): Rejection {
  return { reason: 'too_many_images', detail: `a row must have no images for a model of text, got ${imageCount}` };
}

function takesNoClips([clip]: readonly SizedClip[]): Rejection | null {
  if (clip === undefined) return null;
  const detail = `a row must have pictures for this engine, got ${clip.kind}; the torch engine reads it where the model does`;
  return { reason: 'media_unsupported', detail };
}

/** Ids, and for each whether there is a loss. */
interface Joined {
  ids: number[];
  supervised: boolean[];
}

/**
 * Encodes the joined text; the bounds of answers are the lengths of its encoded beginnings, whose ids must be the
 * whole's first ones.
 */
function encodeWhole(
  pieces: readonly PromptPiece[],
  tokenizer: TextTokenizer,
  options: PromptOptions,
): Joined | Rejection {
  const parts = withoutInnerBounds(pieces);
  const text = parts.map((piece) => piece.text).join('');
  const ends: number[] = [];
  for (const piece of parts) ends.push((ends.at(-1) ?? 0) + piece.text.length);
  const { ids, counts, difference } = expand(text, ends, tokenizer, options);
  if (difference !== null) {
    return {
      reason: 'tokenization_mismatch',
      detail: `prefix ids must equal the row's ids, got a difference at token ${difference}; check template and tokenizer`,
    };
  }
  const supervised = new Array<boolean>(ids.length).fill(false);
  parts.forEach((piece, index) => {
    if (piece.supervised) supervised.fill(true, counts[index - 1] ?? 0, counts[index]);
  });
  return { ids, supervised };
}

/** Given texts that follow one another as one: a token may reach over their bound, since nothing is learned there. */
function withoutInnerBounds(pieces: readonly PromptPiece[]): PromptPiece[] {
  const joined: PromptPiece[] = [];
  for (const piece of pieces) {
    const last = joined.at(-1);
    if (last === undefined || last.supervised || piece.supervised) joined.push({ ...piece });
    else last.text += piece.text;
  }
  return joined;
}

/**
 * A text with every placeholder as the image id, once for each vector; the chunks between are encoded alone. With it
 * the numbers of ids of the text's beginnings.
 */
function expand(
  text: string,
  ends: readonly number[],
  tokenizer: TextTokenizer,
  options: PromptOptions,
): EncodedBeginnings {
  const { imageTokenCount, imageTokenId, imageFrame = { before: '', after: '' } } = options;
  const { bosToken, prefix } = tokenizer;
  const startsWithBos = bosToken !== '' && text.startsWith(bosToken);
  const encode = (fixed: string): number[] => (fixed === '' ? [] : tokenizer.encode(fixed).ids);
  const found: EncodedBeginnings = {
    ids: startsWithBos && prefix.length === 0 ? encode(bosToken) : [...prefix],
    counts: [],
    difference: null,
  };
  let start = startsWithBos ? bosToken.length : 0;
  for (const [index, chunk] of text.slice(start).split(IMAGE_PLACEHOLDER).entries()) {
    if (index > 0) {
      start += IMAGE_PLACEHOLDER.length;
      if ((ends[found.counts.length] ?? start) < start) found.difference ??= found.ids.length;
      found.ids.push(...encode(imageFrame.before));
      for (let count = 0; count < imageTokenCount; count += 1) found.ids.push(imageTokenId);
      found.ids.push(...encode(imageFrame.after));
    }
    const inside = ends
      .slice(found.counts.length)
      .filter((end) => end <= start + chunk.length)
      .map((end) => Math.max(0, end - start));
    const { ids, counts, difference } = tokenizer.encode(chunk, inside);
    for (const count of counts) found.counts.push(found.ids.length + count);
    if (difference !== null) found.difference ??= found.ids.length + difference;
    for (const id of ids) found.ids.push(id);
    start += chunk.length;
  }
  return found;
}

/** Encodes the system text, each `USER: … ASSISTANT: ` and each answer alone, as the golden numbers were made. */
function encodePieces(pieces: readonly PromptPiece[], tokenizer: TextTokenizer, options: PromptOptions): Joined {
  const joined: Joined = { ids: [...tokenizer.prefix], supervised: tokenizer.prefix.map(() => false) };
  const bare = { ...tokenizer, prefix: [] };
  pieces.forEach(({ text, supervised }, index) => {
    // The space between `ASSISTANT:` and the answer belongs to the question's piece here.
    const parts = supervised ? [text.replace(/^ /, '')] : `${text} `.split(/(?<=^.*?questions\. )(?=USER: )/s);
    for (const part of index === 0 ? parts : [parts.join('')]) {
      for (const id of expand(part, [], bare, options).ids) {
        joined.ids.push(id);
        joined.supervised.push(supervised);
      }
    }
  });
  return joined;
}

function cut({ ids, supervised }: Joined, { cutoffLen, imageTokenId }: PromptOptions): EncodedPrompt | Rejection {
  const length = Math.min(ids.length, cutoffLen);
  let imageTokenCount = 0;
  let cutImages = 0;
  for (let token = 0; token < ids.length; token += 1) {
    if (ids[token] !== imageTokenId) continue;
    if (token < length) imageTokenCount += 1;
    else cutImages += 1;
  }
  if (cutImages > 0) {
    return {
      reason: 'image_cut_off',
      detail: `pictures must lie within cutoff_len ${cutoffLen}, got ${cutImages} image tokens behind it; raise cutoff_len`,
    };
  }
  const labels = new Int32Array(length).fill(IGNORED_LABEL);
  let supervisedTokenCount = 0;
  for (let token = 0; token < length; token += 1) {
    if (supervised[token] !== true) continue;
    labels[token] = ids[token]!;
    if (token > 0) supervisedTokenCount += 1;
  }
  if (supervisedTokenCount === 0) {
    const first = supervised.indexOf(true);
    const detail = `an answer token must lie within cutoff_len ${cutoffLen}, got the first at ${first}; raise cutoff_len`;
    return { reason: 'no_supervised_tokens', detail };
  }
  return {
    ids: new Int32Array(ids.slice(0, length)),
    labels,
    imageTokenCount,
    supervisedTokenCount,
    truncated: ids.length > length,
  };
}
