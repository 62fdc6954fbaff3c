import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { readTokenizer } from '../../../dataset/prompts/tokenizer.ts';
import type { EncodedBeginnings } from '../../../dataset/prompts/word-encoder.ts';

const KINDS = join(import.meta.dirname, '../../golden/tokenizers');
const kinds = readdirSync(KINDS).map((name) => [name, join(KINDS, name)] as const);
const folders = [
  ['the demo', join(import.meta.dirname, '../../../examples/demo/model')],
  ['the golden model', join(import.meta.dirname, '../../golden/tiny-llava/model')],
  ...kinds,
] as const;

const json = (...path: string[]): unknown => JSON.parse(readFileSync(join(...path), 'utf8'));

function libraryOf(folder: string): (text: string) => number[] {
  const [tokenizer, config] = [json(folder, 'tokenizer.json'), json(folder, 'tokenizer_config.json')] as object[];
  const library = new Tokenizer(tokenizer!, config!);
  return (text) => library.encode(text, { add_special_tokens: false }).ids;
}

/** Words, white space of all kinds, punctuation, digits, special tokens and odd characters, in any order. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ' ',
        '  ',
        '\n',
        '\t',
        '\u00a0',
        ' \n ',
        '</s>',
        '<s>',
        '<image>',
        'USER: ',
        ' ASSISTANT:',
        "'s",
        '...',
        '12 34',
      ),
      fc.constantFrom('a', 'cat', 'What', 'is', 'the', 'é', 'e\u0301', '日本', '🙂', '\ud800', 'A.', 'B.', '▁', '</'),
      fc.string({ maxLength: 6, unit: 'binary' }),
    ),
    { maxLength: 24 },
  )
  .map((parts) => parts.join(''));

describe.each(folders)('the tokenizer of %s', (_, folder) => {
  test('encodes a text and its beginnings as the library encodes each of them at once', async () => {
    const library = libraryOf(folder);
    const { encode } = await readTokenizer(folder);
    fc.assert(
      fc.property(text, fc.array(fc.nat(80), { maxLength: 4 }), (value, places) => {
        const ends = places.map((place) => Math.min(place, value.length)).sort((a, b) => a - b);
        expect(encode(value, ends)).toEqual(oneByOne(library, value, ends));
      }),
      { numRuns: 2000, seed: 7 },
    );
  });

  test('gives the same ids again from memory', async () => {
    const { encode } = await readTokenizer(folder);
    const value = 'USER: What is in the picture? ASSISTANT: A cat.</s>';
    const first = [...encode(value).ids];
    expect(encode(value).ids).toEqual(first);
    expect(first.length).toBeGreaterThan(5);
  });
});

function oneByOne(library: (text: string) => number[], value: string, ends: readonly number[]): EncodedBeginnings {
  const ids = library(value);
  const beginnings = ends.map((end) => library(value.slice(0, end)));
  const places = beginnings.map((part) => part.findIndex((id, index) => id !== ids[index]));
  return {
    ids,
    counts: beginnings.map(({ length }) => length),
    difference: places.find((place) => place >= 0) ?? null,
  };
}

test.each(kinds)('a tokenizer of the kind %s gives the ids of the Python library', async (_, folder) => {
  const { encode } = await readTokenizer(folder);
  const expected = json(folder, 'ids.json') as [string, number[]][];
  expect(expected.length).toBeGreaterThan(30);
  for (const [value, ids] of expected) expect(encode(value).ids, JSON.stringify(value)).toEqual(ids);
});

test.each(kinds)('a tokenizer of the kind %s encodes words alone unless it joins them', async (name, folder) => {
  const { encode } = await readTokenizer(folder);
  const library = vi.spyOn(Tokenizer.prototype, 'encode');
  const value = 'What is in the picture? '.repeat(20);
  encode(value);
  const longest = Math.max(...(library.mock.calls as [string][]).map(([asked]) => asked.length));
  library.mockRestore();
  expect(longest).toBe(name === 'llama-joined' ? value.length : ' picture?'.length);
});
