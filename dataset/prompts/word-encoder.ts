// A tokenizer that encodes word by word and remembers the words.
import { Tokenizer } from '@huggingface/tokenizers';
import type { JsonObject } from '../../contracts/json-object.ts';

/** Ids of a text, without special tokens around it. */
type Encode = (text: string) => number[];

/** A text's ids, and what its beginnings would give alone. */
export interface EncodedBeginnings {
  ids: number[];
  /** For each beginning the number of its ids. */
  counts: number[];
  /** First place where a beginning's ids are not the text's; null: all are. */
  difference: number | null;
}

/** Ids of a text and of its beginnings, whose lengths in UTF-16 units ascend. */
export type EncodeBeginnings = (text: string, ends?: readonly number[]) => EncodedBeginnings;

/** Texts whose ids are remembered: fixed parts of prompts repeat in every row. */
const REMEMBERED_TEXTS = { count: 4096, length: 512 };
/** Words whose ids are remembered, where words are encoded one by one. */
const REMEMBERED_WORDS = { count: 65_536, length: 64 };

/** SentencePiece's mark of a space. */
const MARK = '\u2581';

/**
 * The encoder of a tokenizer: word by word where that gives the same ids as the text as a whole, which is ten times as
 * fast and makes beginnings cheap; else as a whole, and every beginning once more.
 */
export function beginningsEncoder(
  tokenizer: Tokenizer,
  tokenizerJson: JsonObject,
  config: JsonObject,
): EncodeBeginnings {
  const encode = encoderOf(tokenizer);
  const words = wordEncoders(remembering(encode, REMEMBERED_WORDS), tokenizerJson, config);
  return words === null ? textByText(remembering(encode, REMEMBERED_TEXTS)) : wordByWord(words);
}

function encoderOf(tokenizer: Tokenizer): Encode {
  return (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
}

function remembering(encode: Encode, { count, length }: { count: number; length: number }): Encode {
  const known = new Map<string, number[]>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const ids = encode(text);
    if (text.length <= length) {
      if (known.size >= count) known.clear();
      known.set(copied(text), ids);
    }
    return ids;
  };
}

/** The same text on its own: a part of a string keeps the whole string in memory. */
function copied(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}

function textByText(encode: Encode): EncodeBeginnings {
  return (text, ends = []) => {
    const ids = encode(text);
    const beginnings = ends.map((end) => ({
      start: 0,
      part: end === text.length ? ids : encode(text.slice(0, end)),
    }));
    return { ids, ...compared(ids, beginnings) };
  };
}

/** @param beginnings the ids of each from `start` on; before it they are the text's */
function compared(
  ids: readonly number[],
  beginnings: readonly { start: number; part: readonly number[] }[],
): Omit<EncodedBeginnings, 'ids'> {
  let difference: number | null = null;
  for (const { start, part } of beginnings) {
    const place = part.findIndex((id, index) => id !== ids[start + index]);
    if (place >= 0) difference ??= start + place;
  }
  return { counts: beginnings.map(({ start, part }) => start + part.length), difference };
}

/** How a text is put together from its words; the encoders remember them. */
interface WordEncoders {
  /** For a word at the start of a text. */
  first: Encode;
  /** For a word that begins right behind an added token. */
  afterAdded: Encode;
  /** For every other word; each but the first begins with its space. */
  inner: Encode;
  /** Contents of added tokens behind which the text begins anew, if it does. */
  added: readonly string[];
}

/** Words with the space before them, each encoded alone. */
function wordByWord({ first, afterAdded, inner, added }: WordEncoders): EncodeBeginnings {
  const borders = borderPattern(added);
  return (text, ends = []) => {
    const ids: number[] = [];
    const beginnings: { start: number; part: readonly number[] }[] = [];
    let next = 0;
    const add = (encode: Encode, from: number, to: number): void => {
      const word = encode(text.slice(from, to));
      for (; next < ends.length && ends[next]! <= to; next += 1) {
        const end = ends[next]!;
        beginnings.push({ start: ids.length, part: end === to ? word : encode(text.slice(from, end)) });
      }
      for (const id of word) ids.push(id);
    };
    let encode = first;
    let start = 0;
    for (const { 0: found, index } of text.matchAll(borders)) {
      const isAdded = found !== ' ';
      const end = index + (isAdded ? found.length : 0);
      if (end > start) {
        add(encode, start, end);
        encode = inner;
      }
      if (isAdded) encode = afterAdded;
      start = end;
    }
    if (start < text.length || next < ends.length) add(encode, start, text.length);
    return { ids, ...compared(ids, beginnings) };
  };
}

/** Finds added tokens, the longest where several begin, and the spaces that begin a word. */
function borderPattern(added: readonly string[]): RegExp {
  const contents = [...added]
    .sort((a, b) => b.length - a.length)
    .map((content) => content.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp([...contents, '(?<=[^\\s\u2581]) '].join('|'), 'g');
}

/** Parts of a tokenizer's JSON that matter here. */
interface Step {
  type: string;
  normalizers?: Step[];
  pretokenizers?: Step[];
  prepend?: string;
  content?: string;
  pattern?: { Regex?: string; String?: string };
  add_prefix_space?: boolean;
  use_regex?: boolean;
  behavior?: string;
  replacement?: string;
  prepend_scheme?: string;
}

interface AddedToken {
  content: string;
  lstrip?: boolean;
  rstrip?: boolean;
  normalized?: boolean;
}

/**
 * The encoders of a tokenizer that parts every text before a space that follows another character, so that the parts
 * may be encoded alone; null for other tokenizers.
 */
function wordEncoders(encode: Encode, tokenizerJson: JsonObject, config: JsonObject): WordEncoders | null {
  const added = (tokenizerJson['added_tokens'] ?? []) as AddedToken[];
  const model = tokenizerJson['model'] as { type?: string };
  const plain =
    model.type === 'BPE' &&
    config['remove_space'] !== true &&
    config['do_lowercase_and_remove_accent'] !== true &&
    added.every(({ content, lstrip, rstrip }) => lstrip !== true && rstrip !== true && !/[\s\u2581]/.test(content));
  if (!plain) return null;
  const normalizers = stepsOf(tokenizerJson['normalizer'], 'normalizers');
  const preTokenizers = stepsOf(tokenizerJson['pre_tokenizer'], 'pretokenizers');
  if (partsByPattern(normalizers, preTokenizers))
    return { first: encode, afterAdded: encode, inner: encode, added: [] };
  return markEncoders(encode, tokenizerJson, config, { normalizers, preTokenizers, added });
}

/** The steps of a sequence, or the one step, or none. */
function stepsOf(value: unknown, key: 'normalizers' | 'pretokenizers'): Step[] {
  const step = (value ?? null) as Step | null;
  if (step === null) return [];
  return step.type === 'Sequence' ? (step[key] ?? []) : [step];
}

/** Ends of the patterns of byte-level tokenizers: GPT-2's, Llama 3's and Qwen's agree in how they treat a space. */
const SPACE_PATTERN = '|\\s+(?!\\S)|\\s+';

/**
 * Whether it is byte-level: in the patterns of such tokenizers a space only begins a word or stands among white space;
 * NFC never joins a space with what stands before it.
 */
function partsByPattern(normalizers: readonly Step[], preTokenizers: readonly Step[]): boolean {
  return (
    normalizers.every(({ type }) => type === 'NFC') &&
    preTokenizers.every((step) => isByteLevel(step) || step.type === 'Digits' || isSpacePattern(step)) &&
    preTokenizers.some((step) => isSpacePattern(step) || (isByteLevel(step) && step.use_regex !== false))
  );
}

function isByteLevel({ type, add_prefix_space: addsSpace }: Step): boolean {
  return type === 'ByteLevel' && addsSpace !== true;
}

function isSpacePattern({ type, behavior, pattern }: Step): boolean {
  return type === 'Split' && behavior === 'Isolated' && pattern?.Regex?.endsWith(SPACE_PATTERN) === true;
}

/**
 * The encoders of a SentencePiece model (Llama 1 and 2, Vicuna, Mistral): it writes spaces as ▁ and merges the text as
 * a whole. Where no merge has a ▁ behind another character, none crosses the border before a space, so words may be
 * merged alone; only the ▁ in front of a text must not come before every word.
 */
function markEncoders(
  encode: Encode,
  tokenizerJson: JsonObject,
  config: JsonObject,
  { normalizers, preTokenizers, added }: { normalizers: Step[]; preTokenizers: Step[]; added: AddedToken[] },
): WordEncoders | null {
  const model = tokenizerJson['model'] as { merges?: (string | [string, string])[]; ignore_merges?: boolean };
  const crosses = (model.merges ?? []).some((merge) =>
    /[^\u2581]\u2581/.test(typeof merge === 'string' ? merge.replace(' ', '') : merge.join('')),
  );
  if (crosses || model.ignore_merges === true || added.some(({ normalized }) => normalized === true)) return null;
  const contents = added.map(({ content }) => content);
  const inner = (change: JsonObject): Encode =>
    remembering(encoderOf(new Tokenizer({ ...tokenizerJson, ...change }, config)), REMEMBERED_WORDS);
  const replaces = ({ type, pattern, content }: Step): boolean =>
    type === 'Replace' && pattern?.String === ' ' && content === MARK;
  const [last] = normalizers.slice(-1);
  if (preTokenizers.length === 0 && last !== undefined && replaces(last)) {
    const rest = normalizers.slice(0, -1);
    if (!rest.every(({ type, prepend }) => type === 'Prepend' && prepend === MARK)) return null;
    return { first: encode, afterAdded: encode, inner: inner({ normalizer: last }), added: contents };
  }
  const [space, ...others] = preTokenizers;
  if (normalizers.length > 0 || others.length > 0 || space?.type !== 'Metaspace') return null;
  if ((space.replacement ?? MARK) !== MARK) return null;
  const bare = inner({ pre_tokenizer: { ...space, prepend_scheme: 'never' } });
  const afterAdded = (space.prepend_scheme ?? 'always') === 'always' ? encode : bare;
  return { first: encode, afterAdded, inner: bare, added: contents };
}
