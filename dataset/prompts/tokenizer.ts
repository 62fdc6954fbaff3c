// A model folder's tokenizer, checked for what prompts need.
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { parseJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { readTextFile } from '../../contracts/outside-file.ts';
import { beginningsEncoder } from './word-encoder.ts';
import type { EncodeBeginnings } from './word-encoder.ts';

/** The model's tokenizer, with what prompts need of it. */
export interface TextTokenizer {
  /** Ids without any special tokens added, of a text and of its beginnings. */
  encode: EncodeBeginnings;
  /** Text of ids without special tokens; ids that are no token of its own, of a padded head, say nothing. */
  decode(ids: Int32Array): string;
  /** Tokens that the tokenizer puts in front of a text by itself, e.g. `<s>`. */
  prefix: number[];
  bosToken: string;
  /** Ends an answer; empty where the folder names none. */
  eosToken: string;
  /** Texts of all named special tokens by their keys, for templates: `{ bos_token: "<s>", pad_token: "<pad>", … }`. */
  namedTokens: Readonly<Record<string, string>>;
  /** Whether a text is a token of its own. */
  hasToken(text: string): boolean;
  /** Contents of added tokens other than `<image>`: they must not stand in a row's text. */
  reservedTexts: readonly string[];
  /** Largest id that it can give. */
  largestId: number;
  /** Chat template text of the folder, or null. */
  chatTemplate: string | null;
}

/** Runs what a model's folder decides, its expressions and its template, for so long at most where that is said. */
export type Guard = <T>(run: () => T) => T;

/** @throws InvalidConfigError where the folder has no usable tokenizer */
export async function readTokenizer(modelFolder: string, guard: Guard = (run) => run()): Promise<TextTokenizer> {
  const tokenizerJson = await readJson(modelFolder, 'tokenizer.json');
  const config = await readJson(modelFolder, 'tokenizer_config.json');
  if (tokenizerJson === null || config === null) {
    throw new InvalidConfigError(
      `model.path: must hold tokenizer.json and tokenizer_config.json, got less in ${modelFolder}`,
    );
  }
  addDeclaredTokens(tokenizerJson, config);
  const single = addedTokens(tokenizerJson).find((token) => token.single_word === true);
  if (single !== undefined) {
    throw new InvalidConfigError(
      `tokenizer.json: added tokens must stand anywhere in a text, got "${single.content}" with single_word; set it to false`,
    );
  }
  const tokenizer = new Tokenizer(tokenizerJson, config);
  const vocabulary = tokenizer.get_vocab() as Map<string, number> | Record<string, number>;
  const ids = vocabulary instanceof Map ? [...vocabulary.values()] : Object.values(vocabulary);
  return {
    encode: beginningsEncoder(tokenizer, tokenizerJson, config),
    decode: (ids) => {
      const known = [...ids].filter((id) => tokenizer.id_to_token(id) !== undefined);
      const plain = { skip_special_tokens: true, clean_up_tokenization_spaces: false };
      return known.length === 0 ? '' : tokenizer.decode(known, plain);
    },
    prefix: guard(() => prefixOf(tokenizer)),
    bosToken: tokenText(config['bos_token']) ?? '',
    eosToken: tokenText(config['eos_token']) ?? '',
    namedTokens: namedTokens(config),
    hasToken: (text) => tokenizer.token_to_id(text) !== undefined,
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

interface AddedToken {
  id: number;
  content: string;
  special?: boolean;
  single_word?: boolean;
}

function addedTokens(tokenizerJson: JsonObject): AddedToken[] {
  return (tokenizerJson['added_tokens'] ?? []) as AddedToken[];
}

/** Tokens that `tokenizer_config.json` alone declares become added tokens, as transformers does it. */
function addDeclaredTokens(tokenizerJson: JsonObject, config: JsonObject): void {
  const known = addedTokens(tokenizerJson);
  const declared = Object.entries((config['added_tokens_decoder'] ?? {}) as Record<string, Omit<AddedToken, 'id'>>);
  const missing = declared.filter(([, { content }]) => known.every((token) => token.content !== content));
  tokenizerJson['added_tokens'] = [...known, ...missing.map(([id, token]) => ({ ...token, id: Number(id) }))];
}

function specialTexts(tokenizerJson: JsonObject): string[] {
  return addedTokens(tokenizerJson)
    .filter(({ special }) => special === true)
    .map(({ content }) => content);
}

function namedTokens(config: JsonObject): Record<string, string> {
  const named = Object.keys(config).filter((key) => key.endsWith('_token') && tokenText(config[key]) !== null);
  return Object.fromEntries(named.map((key) => [key, tokenText(config[key])!]));
}

function tokenText(token: unknown): string | null {
  if (typeof token === 'string') return token;
  const content = (token as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : null;
}

/** The template, in the order in which transformers looks for it. Of several with names the one named `default`. */
async function readChatTemplate(modelFolder: string, config: JsonObject): Promise<string | null> {
  const ofProcessor = (await readJson(modelFolder, 'processor_config.json'))?.['chat_template'];
  const plain = await readTextFile(join(modelFolder, 'chat_template.jinja'));
  const ofFile = (await readJson(modelFolder, 'chat_template.json'))?.['chat_template'];
  const found = ofProcessor ?? plain ?? ofFile ?? config['chat_template'] ?? null;
  if (found === null || typeof found === 'string') return found;
  const named = Array.isArray(found)
    ? (found as { name?: unknown; template?: unknown }[]).find(({ name }) => name === 'default')?.template
    : (found as JsonObject)['default'];
  if (typeof named === 'string') return named;
  throw new InvalidConfigError(
    'chat_template: must be a text, or texts by name with one named default, got neither; set template: vicuna_v1',
  );
}

async function readJson(folder: string, name: string): Promise<JsonObject | null> {
  const text = await readTextFile(join(folder, name));
  return text === null ? null : parseJsonObject(text, name);
}
