import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTokenizer } from '../../dataset/tokenizer.ts';

const folders = [
  ['the demo', join(import.meta.dirname, '../../examples/demo/model')],
  ['the golden model', join(import.meta.dirname, '../golden/tiny-llava/model')],
] as const;

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
      fc.constantFrom('a', 'cat', 'What', 'is', 'the', 'é', 'e\u0301', '日本', '🙂', '\ud800', 'A.', 'B.'),
      fc.string({ maxLength: 6, unit: 'binary' }),
    ),
    { maxLength: 24 },
  )
  .map((parts) => parts.join(''));

describe.each(folders)('the tokenizer of %s', (_, folder) => {
  test('encodes word by word what the library encodes at once', async () => {
    const json = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, unknown>;
    const library = new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));
    const { encode } = await readTokenizer(folder);
    fc.assert(
      fc.property(text, (value) => {
        expect(encode(value)).toEqual(library.encode(value, { add_special_tokens: false }).ids);
      }),
      { numRuns: 2000, seed: 7 },
    );
  });

  test('gives the same ids again from memory', async () => {
    const { encode } = await readTokenizer(folder);
    const value = 'USER: What is in the picture? ASSISTANT: A cat.</s>';
    const first = [...encode(value)];
    expect(encode(value)).toEqual(first);
    expect(first.length).toBeGreaterThan(5);
  });
});
