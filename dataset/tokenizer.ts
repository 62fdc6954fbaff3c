import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { InvalidConfigError } from '../contracts/failures.ts';
import { beginningsEncoder } from './word-encoder.ts';
import type { EncodeBeginnings } from './word-encoder.ts';

/** The model's tokenizer, with what prompts need of it. */
export interface TextTokenizer {
  /** Ids without any special tokens added, of a text and of its beginnings. */
  encode: EncodeBeginnings;
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
  return {
    encode: beginningsEncoder(tokenizer, tokenizerJson, config),
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
