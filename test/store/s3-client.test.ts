import { describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { LocalStore } from '../../store/local-store.ts';
import { openStore } from '../../store/open-store.ts';
import { connectS3, parseS3Uri, s3Settings } from '../../store/s3-client.ts';
import { storeError } from '../../store/s3-errors.ts';
import { S3Store } from '../../store/s3-store.ts';

describe('addresses and settings', () => {
  test('of a bucket have a name and a prefix', () => {
    expect(parseS3Uri('s3://bucket')).toEqual({ bucket: 'bucket', prefix: '' });
    expect(parseS3Uri('s3://bucket/')).toEqual({ bucket: 'bucket', prefix: '' });
    expect(parseS3Uri('s3://my.bucket-1/a/b/')).toEqual({ bucket: 'my.bucket-1', prefix: 'a/b/' });
  });

  test.each(['s3://', 's3:///a', 's3://a', 's3://bucket//a', 's3://bucket/../a', 's3://bucket/a//', 's3://buck et/a'])(
    '%s is refused',
    (uri) => {
      const message = `store: address must be s3://bucket/prefix, got "${uri}"`;
      expect(() => new S3Store(uri)).toThrow(new InvalidConfigError(message));
    },
  );

  test('with credentials are refused and not repeated', () => {
    expect(() => new S3Store('s3://KEY:SECRET@bucket/prefix')).toThrow(
      new InvalidConfigError(
        'store: address must not hold credentials, got "@" in it; set AWS_PROFILE or AWS_ACCESS_KEY_ID',
      ),
    );
  });

  test('open the store of their scheme', () => {
    expect(openStore('s3://bucket/prefix')).toBeInstanceOf(S3Store);
    expect(openStore('s3://bucket/prefix').uri).toBe('s3://bucket/prefix');
    expect(openStore('/stores/a')).toBeInstanceOf(LocalStore);
    expect(() => openStore('gs://bucket/prefix')).toThrow(
      new InvalidConfigError('store: address must be a folder or s3://bucket/prefix, got one of gs://'),
    );
  });

  test.each<[NodeJS.ProcessEnv, ReturnType<typeof s3Settings>]>([
    [{}, { endpoint: null, pathStyle: false }],
    [{ TIVE_S3_PATH_STYLE: '1' }, { endpoint: null, pathStyle: true }],
    [{ AWS_ENDPOINT_URL: 'http://a' }, { endpoint: 'http://a', pathStyle: true }],
    [
      { AWS_ENDPOINT_URL: 'http://a', AWS_ENDPOINT_URL_S3: 'http://b' },
      { endpoint: 'http://b', pathStyle: true },
    ],
    [
      { AWS_ENDPOINT_URL: 'http://a', TIVE_S3_PATH_STYLE: '0' },
      { endpoint: 'http://a', pathStyle: false },
    ],
  ])('%j', (environment, settings) => {
    expect(s3Settings(environment)).toEqual(settings);
  });

  test('without the package the error says what to install', async () => {
    const load = (): Promise<never> => Promise.reject(Object.assign(new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' }));
    await expect(connectS3(s3Settings({}), load)).rejects.toThrow(
      new InvalidConfigError(
        'store: s3:// needs the package @aws-sdk/client-s3, got none; npm install @aws-sdk/client-s3',
      ),
    );
  });
});

describe('errors of a server', () => {
  const told = (name: string, status: number | undefined, message = ''): string =>
    String(
      storeError('s3://b/k', { name, message, $metadata: status === undefined ? {} : { httpStatusCode: status } }),
    );

  test.each<[string, number | undefined, string, string]>([
    ['NoSuchKey', 404, '', 'S3Error: s3://b/k: key must exist, got none'],
    ['NotFound', 404, '', 'S3Error: s3://b/k: key must exist, got none'],
    ['Unknown', 403, 'UnknownError', 'InvalidConfigError: s3://b/k: server must take the request, got Forbidden '],
    ['InvalidAccessKeyId', 403, 'no such id', 'InvalidConfigError: s3://b/k: server must take the request, got '],
    ['ExpiredToken', 400, 'old', 'S3Error: s3://b/k: server must take the request, got 400 ExpiredToken (old)'],
    ['RequestTimeTooSkewed', 403, 'late', 'S3Error: s3://b/k: server must take the request, got 403 Request'],
    ['TimeoutError', undefined, 'slow', 'S3Error: s3://b/k: server must take the request, got TimeoutError (slow)'],
    ['Error', undefined, 'Region is missing', 'InvalidConfigError: s3://b/k: region must be set, got none; set AWS_'],
    ['CredentialsProviderError', undefined, 'none', 'InvalidConfigError: s3://b/k: server must take the request, got '],
  ])('%s %s %s', (name, status, message, expected) => {
    expect(told(name, status, message).slice(0, expected.length)).toBe(expected);
  });

  test('hold no signature of an address', () => {
    expect(told('Error', 400, 'https://h/?X-Amz-Credential=AKIA/x&X-Amz-Signature=abc&a=1')).toContain(
      '?X-Amz-Credential=…&X-Amz-Signature=…&a=1',
    );
  });
});
