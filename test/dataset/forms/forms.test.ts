import { describe, expect, test } from 'vitest';
import { FORM_NAMES, FORMS, formOf } from '../../../dataset/forms/forms.ts';
import type { ParseOptions } from '../../../dataset/rows/parse-row.ts';
import { SHAREGPT_NAMES } from '../../../dataset/forms/sharegpt.ts';

const NAMES = { ...SHAREGPT_NAMES, turns: 'talk' };

describe('a row of which nobody says the form', () => {
  test.each([
    ['messages', { messages: [] }],
    ['messages', { messages: [], images: [] }],
    ['messages', { messages: [], image: 'a.png' }],
    ['sharegpt', { conversations: [], images: [] }],
    ['sharegpt', { conversations: [], messages: [], images: [] }],
    ['sharegpt', { images: [] }],
    ['llava', { conversations: [], image: 'a.png', images: [] }],
    ['llava', { conversations: [], image: null, images: [] }],
    ['llava', { conversations: [], messages: [] }],
    ['llava', { conversations: [] }],
    ['llava', {}],
    ['prompt', { prompt: '', completion: '', images: [] }],
    ['alpaca', { instruction: '', output: '', input: '', images: [] }],
    ['question', { question: '', answer: '', images: [] }],
    ['llava', { question: '', answer: '', conversations: [] }],
    ['messages', { question: '', answer: '', messages: [] }],
  ])('is of the form %s by the keys of %o', (name, fields) => {
    expect(formOf(fields, { format: 'auto', form: null }).name).toBe(name);
  });
});

test.each(FORM_NAMES)('a recipe that says %s gets it, whatever the keys', (format) => {
  for (const fields of [{}, { messages: [] }, { conversations: [], images: [] }])
    expect(formOf(fields, { format, form: null }).name).toBe(format);
});

test('a description goes before the keys, and gives ShareGPT its names; other forms that a recipe says go before it', () => {
  const of = (format: ParseOptions['format']) => formOf({ messages: [] }, { format, form: NAMES });
  for (const format of ['auto', 'parquet', 'sharegpt'] as const)
    expect(of(format).keys).toEqual(['talk', 'images', 'system']);
  expect([of('llava').name, of('messages').name, of('auto').name]).toEqual(['llava', 'messages', 'described']);
});

test('the last form fits every row, and a form has the key of its pictures', () => {
  expect(FORMS.at(-1)!.fits({})).toBe(true);
  for (const form of FORMS) expect(form.keys).toContain(form.images);
});
