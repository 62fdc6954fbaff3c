import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { InvalidConfigError } from '../contracts/failures.ts';

/** The model's tokenizer, with what prompts need of it. */
export interface TextTokenizer {
  /** Ids without any special tokens added. */
  encode(text: string): number[];
  /** Tokens that the tokenizer puts in front of a text by itself, e.g. `<s>`. */
  prefix: number[];
  bosToken: string;
  eosToken: string;
  /** Contents of added tokens other than `<image>`: they must not stand in a row's text. */
  reservedTexts: string[];
  /** Largest id that it can give. */
  largestId: number;
  /** Chat template text of the folder, or null. */
  chatTemplate: string | null;
}

/** Texts whose ids are remembered: fixed parts of prompts repeat in every row. */
const REMEMBERED_TEXTS = { count: 4096, length: 512 };
/** Words whose ids are remembered, where words are encoded one by one. */
const REMEMBERED_WORDS = { count: 32_768, length: 64 };

/** @throws InvalidConfigError where the folder has no usable tokenizer */
export async function readTokenizer(modelFolder: string): Promise<TextTokenizer> {
  const tokenizerJson = await readJson(modelFolder, 'tokenizer.json');
  const config = await readJson(modelFolder, 'tokenizer_config.json');
  if (tokenizerJson === null || config === null) {
    throw new InvalidConfigError(
      `model.path: must hold tokenizer.json and tokenizer_config.json, got less in ${modelFolder}`,
    );
  }
  const tokenizer = new Tokenizer(tokenizerJson, config);
  const vocabulary = tokenizer.get_vocab() as Map<string, number> | Record<string, number>;
  const ids = vocabulary instanceof Map ? [...vocabulary.values()] : Object.values(vocabulary);
  const encodeText = (text: string): number[] => tokenizer.encode(text, { add_special_tokens: false }).ids;
  return {
    encode: splitsBeforeSpaces(tokenizerJson, config)
      ? wordByWord(encodeText)
      : remembering(encodeText, REMEMBERED_TEXTS),
    prefix: prefixOf(tokenizer),
    bosToken: tokenText(config['bos_token']) ?? '',
    eosToken: tokenText(config['eos_token']) ?? '</s>',
    reservedTexts: specialTexts(tokenizerJson).filter((text) => text !== '<image>'),
    largestId: ids.reduce((largest, id) => Math.max(largest, id), 0),
    chatTemplate: await readChatTemplate(modelFolder, config),
  };
}

function prefixOf(tokenizer: Tokenizer): number[] {
  const bare = tokenizer.encode('a', { add_special_tokens: false }).ids;
  const whole = tokenizer.encode('a', { add_special_tokens: true }).ids;
  return whole.slice(
    0,
    whole.findIndex((_: number, start: number) =>
      bare.every((id: number, index: number) => whole[start + index] === id),
    ),
  );
}

type Encode = (text: string) => number[];

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

/** Words with the space before them, each encoded once and remembered: ten times as fast. */
function wordByWord(encode: Encode): Encode {
  const encodeWord = remembering(encode, REMEMBERED_WORDS);
  return (text) => {
    const ids: number[] = [];
    const add = (word: string): void => {
      for (const id of encodeWord(word)) ids.push(id);
    };
    let start = 0;
    for (let place = text.indexOf(' ', 1); place > 0; place = text.indexOf(' ', place + 1)) {
      if (/\s/.test(text[place - 1]!)) continue;
      add(text.slice(start, place));
      start = place;
    }
    add(text.slice(start));
    return ids;
  };
}

/** Parts of a pre-tokenizer's JSON that matter here. */
interface PreTokenizer {
  type: string;
  add_prefix_space?: boolean;
  use_regex?: boolean;
  behavior?: string;
  pattern?: { Regex?: string };
  pretokenizers?: PreTokenizer[];
}

/** Ends of the patterns of byte-level tokenizers: GPT-2's, Llama 3's and Qwen's agree in how they treat a space. */
const SPACE_PATTERN = '|\\s+(?!\\S)|\\s+';

/**
 * Whether the tokenizer parts every text before a space that follows another character, so that the parts may be
 * encoded alone. In the patterns of byte-level tokenizers a space only begins a word or stands among white space; NFC
 * never joins a space with what stands before it.
 */
function splitsBeforeSpaces(tokenizerJson: Record<string, unknown>, config: Record<string, unknown>): boolean {
  const normalizer = tokenizerJson['normalizer'] as { type: string } | null;
  const added = (tokenizerJson['added_tokens'] ?? []) as { content: string; lstrip?: boolean; rstrip?: boolean }[];
  const preTokenizer = tokenizerJson['pre_tokenizer'] as PreTokenizer | null;
  const steps = preTokenizer?.pretokenizers ?? (preTokenizer === null ? [] : [preTokenizer]);
  return (
    (normalizer === null || normalizer.type === 'NFC') &&
    (tokenizerJson['model'] as { type?: string }).type === 'BPE' &&
    config['remove_space'] !== true &&
    config['do_lowercase_and_remove_accent'] !== true &&
    added.every(({ content, lstrip, rstrip }) => lstrip !== true && rstrip !== true && !/\s/.test(content)) &&
    steps.every((step) => isByteLevel(step) || step.type === 'Digits' || isSpacePattern(step)) &&
    steps.some((step) => isSpacePattern(step) || (isByteLevel(step) && step.use_regex !== false))
  );
}

function isByteLevel({ type, add_prefix_space: addsSpace }: PreTokenizer): boolean {
  return type === 'ByteLevel' && addsSpace !== true;
}

function isSpacePattern({ type, behavior, pattern }: PreTokenizer): boolean {
  return type === 'Split' && behavior === 'Isolated' && pattern?.Regex?.endsWith(SPACE_PATTERN) === true;
}

function specialTexts(tokenizerJson: Record<string, unknown>): string[] {
  const added = (tokenizerJson['added_tokens'] ?? []) as { content: string; special?: boolean }[];
  return added.filter(({ special }) => special === true).map(({ content }) => content);
}

function tokenText(token: unknown): string | null {
  if (typeof token === 'string') return token;
  const content = (token as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : null;
}

async function readChatTemplate(modelFolder: string, config: Record<string, unknown>): Promise<string | null> {
  const plain = await readFile(join(modelFolder, 'chat_template.jinja'), 'utf8').catch(() => null);
  if (plain !== null) return plain;
  const json = await readJson(modelFolder, 'chat_template.json');
  const template = json?.['chat_template'] ?? config['chat_template'];
  return typeof template === 'string' ? template : null;
}

async function readJson(folder: string, name: string): Promise<Record<string, unknown> | null> {
  const text = await readFile(join(folder, name), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Record<string, unknown>);
}
