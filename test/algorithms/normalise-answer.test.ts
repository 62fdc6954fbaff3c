import { describe, expect, test } from 'vitest';
import { normaliseAnswer } from '../../algorithms/normalise-answer.ts';
import { createRandom } from '../../algorithms/random-stream.ts';

describe('a short answer as it is compared', () => {
  test.each([
    // Case, white space and compatible characters.
    ['Yes', 'yes'],
    ['  two \n\t dogs ', '2 dogs'],
    ['（ＹＥＳ）', 'yes'],
    ['ﬁve', '5'],
    ['İstanbul', 'i̇stanbul'],
    // Punctuation at the ends, not inside.
    ['A cat.', 'cat'],
    ['"The dog!"', 'dog'],
    ['it’s', 'it’s'],
    ['red, blue', 'red, blue'],
    ['«oui»', 'oui'],
    // Articles at the beginning, as often as they stand there.
    ['the a cat', 'cat'],
    ['The "old" man', 'old" man'],
    ['theatre', 'theatre'],
    ['another', 'another'],
    ['cat in the hat', 'cat in the hat'],
    ['Vitamin A', 'vitamin a'],
    // Number words as digits, whole words alone.
    ['zero', '0'],
    ['Ten!', '10'],
    ['one or two', '1 or 2'],
    ['someone', 'someone'],
    ['eleven', 'eleven'],
    ['two-way', '2-way'],
    // Numbers keep what is theirs.
    ['-3', '-3'],
    ['.5', '.5'],
    ['-.5', '-.5'],
    ['(50%).', '50%'],
    ['five%', '5%'],
    ['3.', '3'],
    ['$5', '$5'],
    // What would leave nothing stays.
    ['A.', 'a'],
    ['the', 'the'],
    ['?', '?'],
    ['...', '...'],
    ['%', '%'],
    ['', ''],
    ['   ', ''],
  ])('%j is %j', (text, wanted) => {
    expect(normaliseAnswer(text)).toBe(wanted);
  });

  test('is the same when it is done twice', () => {
    const parts = ['the', 'a', 'an', 'one', 'ten', '5', '.', '-', '%', '"', ' ', '  ', 'Dog', 'ß', 'Ⅳ', '…', '(', '£'];
    const random = createRandom('test', 1);
    for (let count = 0; count < 2000; count += 1) {
      const text = Array.from({ length: random.integer(8) }, () => parts[random.integer(parts.length)]!).join('');
      const once = normaliseAnswer(text);
      expect(normaliseAnswer(once), JSON.stringify(text)).toBe(once);
    }
  });

  test('takes time that is linear in its length', () => {
    const started = performance.now();
    normaliseAnswer(`x${'the . '.repeat(100_000)}x${'.'.repeat(100_000)}x`);
    normaliseAnswer('the . '.repeat(100_000));
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
