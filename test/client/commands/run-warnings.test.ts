import { expect, test } from 'vitest';
import { warningLines } from '../../../client/commands/run-options.ts';

test('a run ends with what its stages warned of, each once, and counts what would not fit', () => {
  const slow = 'engine: the tensorflow addon must load, got "none"; wasm is used, several times slower';
  expect(warningLines([slow, slow])).toEqual([`warning: ${slow}`]);
  expect(warningLines(['a\u001b[31m'])).toEqual(['warning: a\\u001b[31m']);
  const many = warningLines(Array.from({ length: 11 }, (_, index) => `number ${index}`));
  expect(many).toHaveLength(9);
  expect(many.at(-1)).toBe('warning: and 3 more, in the report');
});
