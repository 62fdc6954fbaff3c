import { expect, test } from 'vitest';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { parseJsonObject, requireShallow } from '../../contracts/json-object.ts';

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

test('JSON that is nested too deep is refused by its file, brackets in texts do not count', () => {
  expect(() => parseJsonObject(`{"a":${nested(499)}}`, 'config.json')).not.toThrow();
  const parse = (): unknown => parseJsonObject(`{"a":${nested(100_000)}}`, 'config.json');
  expect(parse).toThrow(InvalidConfigError);
  expect(parse).toThrow('config.json: must be nested at most 500 deep, got more; fetch the original file');
  expect(() => requireShallow(JSON.stringify({ a: '['.repeat(1000), 'b"[': ['\\'] }), 'x')).not.toThrow();
  expect(() => requireShallow('[{}]'.repeat(1000), 'x')).not.toThrow();
});
