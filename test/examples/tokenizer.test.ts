import { Template } from '@huggingface/jinja';
import { Tokenizer } from '@huggingface/tokenizers';
import { beforeAll, describe, expect, test } from 'vitest';
import { splitPieces, trainBytePairs } from '../../examples/demo/byte-pairs.ts';
import { DEMO_TASKS, demoRow } from '../../examples/demo/demo-tasks.ts';
import type { DemoRow } from '../../examples/demo/demo-row.ts';
import { PHASES, heldOutRows } from '../../examples/demo/pretraining-tasks.ts';
import { blankSources } from '../../examples/demo/sources.ts';
import {
  SPECIAL_TOKENS,
  promptText,
  trainTokenizer,
  type TokenizerFiles,
} from '../../examples/demo/train-tokenizer.ts';
import { COLORS, GARMENTS, LETTERS, PLACES, SHAPES } from '../../examples/demo/words.ts';

describe('byte pairs', () => {
  test('the most frequent pair is merged first, the smaller one among equals', () => {
    const { merges } = trainBytePairs(['ab', 'ab', 'abc', 'xy', 'uv'], []);
    expect(merges).toEqual([
      ['a', 'b'], // 3 times
      ['ab', 'c'],
      ['u', 'v'],
      ['x', 'y'],
    ]);
  });

  test('ids are: special tokens, 256 bytes, one for each merge', () => {
    const { vocabulary, merges } = trainBytePairs(['the cat sat'], SPECIAL_TOKENS);
    expect(Object.values(vocabulary).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 5 + 256 + merges.length }, (_, id) => id),
    );
    expect(vocabulary['Ġcat']).toBeGreaterThan(260);
  });

  test('the order of the texts does not matter', () => {
    const texts = ['a red star', 'a blue star', 'the red circle'];
    expect(trainBytePairs(texts, [])).toEqual(trainBytePairs([...texts].reverse(), []));
  });

  test('pieces are words with their space, digits one by one, punctuation', () => {
    expect(splitPieces('USER: 43 plus\nA. t-shirt')).toEqual(
      ['USER', ':', ' ', '4', '3', ' plus', '\n', 'A', '.', ' t', '-', 'shirt'], // a digit leaves its space alone
    );
  });
});

describe('the demo tokenizer', () => {
  let files: TokenizerFiles;
  let tokenizer: Tokenizer;
  let rows: DemoRow[];

  beforeAll(() => {
    files = trainTokenizer();
    tokenizer = new Tokenizer(files.tokenizer, files.config);
    const sources = blankSources();
    // rows that the tokenizer was not trained on
    rows = [
      ...DEMO_TASKS.flatMap((task) => Array.from({ length: 60 }, (_, number) => demoRow(task, number, sources.test))),
      ...PHASES.flatMap((phase) => [...heldOutRows(phase, 60, 1, sources)]),
    ];
  });

  const encode = (text: string): string[] => tokenizer.encode(text).tokens;

  test('special tokens have ids 0–4 and nothing is added to a text', () => {
    expect(SPECIAL_TOKENS.map((token) => tokenizer.token_to_id(token))).toEqual([0, 1, 2, 3, 4]);
    expect(tokenizer.encode('<s> </s><image>').ids).toEqual([1, tokenizer.token_to_id('Ġ'), 2, 4]);
    expect(encode('')).toEqual([]);
  });

  test('the vocabulary has 550 to 700 tokens', () => {
    expect(files.vocabularySize).toBeGreaterThanOrEqual(550);
    expect(files.vocabularySize).toBeLessThanOrEqual(700);
  });

  test('every word of the lists is one token after a space', () => {
    const words = [...COLORS, ...GARMENTS, ...LETTERS, ...PLACES, ...SHAPES].flatMap((words) => words.split(' '));
    for (const word of [...words, 'yes', 'no', 'nothing'].filter((word) => word !== 't-shirt')) {
      expect(encode(` ${word}`)).toEqual([`Ġ${word}`]);
    }
    expect(encode(' t-shirt')).toEqual(['Ġt', '-', 'shirt']); // the pre-tokenizer parts words from punctuation
  });

  test('every piece of every row is one token', () => {
    expect(rows.length).toBeGreaterThan(2000);
    for (const row of rows) {
      const pieces = promptText(row)
        .split(/(<image>|<\/s>)/)
        .flatMap((part) => (part.startsWith('<') ? [part] : splitPieces(part)));
      expect(encode(promptText(row))).toHaveLength(pieces.length);
    }
  });

  test('decoding gives the text back', () => {
    for (const row of rows.slice(0, 500)) {
      const text = promptText(row);
      expect(tokenizer.decode(tokenizer.encode(text).ids, { clean_up_tokenization_spaces: false })).toBe(text);
    }
  });

  test('any other text can be encoded too', () => {
    const text = 'Ünïcode – 日本語 & code();\t';
    expect(tokenizer.decode(tokenizer.encode(text).ids, { clean_up_tokenization_spaces: false })).toBe(text);
  });

  test('the tokens of a prompt are the start of the tokens of prompt and answer', () => {
    for (const row of rows) {
      const whole = promptText(row);
      const prompt = whole.slice(0, whole.indexOf('ASSISTANT:') + 'ASSISTANT:'.length);
      const ids = tokenizer.encode(prompt).ids;
      expect(tokenizer.encode(whole).ids.slice(0, ids.length)).toEqual(ids);
    }
  });

  test('the chat template renders the prompt of the data', () => {
    const template = new Template(files.chatTemplate);
    for (const row of rows) {
      const messages = row.turns.flatMap(([question, answer], index) => [
        { role: 'user', content: row.image !== null && index === 0 ? `<image>\n${question}` : question },
        { role: 'assistant', content: answer },
      ]);
      expect(template.render({ messages })).toBe(promptText(row));
    }
    const open = template.render({ messages: [{ role: 'user', content: 'Is it?' }], add_generation_prompt: true });
    expect(open).toBe('USER: Is it? ASSISTANT:');
  });

  test('training again gives the same files', () => {
    expect(trainTokenizer()).toEqual(files);
  });
});
