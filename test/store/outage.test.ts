import { describe, expect, test } from 'vitest';
import { isOutage } from '../../store/outage.ts';
import { S3Error } from '../../store/s3-errors.ts';

const withCode = (code: string): Error => Object.assign(new Error(code), { code });

describe('an outage of a store', () => {
  test.each([
    ['a full disk', withCode('ENOSPC')],
    ['a network folder that is gone', withCode('ESTALE')],
    ['an error with such a cause', new Error('write failed', { cause: withCode('EIO') })],
    ['a server without an answer', new S3Error('s3://a/b: …', 'TimeoutError', null)],
    ['a server that asks to slow down', new S3Error('s3://a/b: …', 'TooManyRequests', 429)],
    ['a server that is broken', new S3Error('s3://a/b: …', 'InternalError', 500)],
  ])('is %s', (_, error) => expect(isOutage(error)).toBe(true));

  test.each([
    ['a missing file', withCode('ENOENT')],
    ['a missing key', new S3Error('s3://a/b: …', 'ENOENT', null)],
    ['a value that was there already', new S3Error('s3://a/b: …', 'PreconditionFailed', 412)],
    ['a mistake in the program', new TypeError('undefined is not a function')],
    ['something that is no error', 'ENOSPC'],
  ])('is not %s', (_, error) => expect(isOutage(error)).toBe(false));
});
