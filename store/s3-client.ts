// The client of S3 and its settings.
import type * as Sdk from '@aws-sdk/client-s3';
import type { S3 } from '@aws-sdk/client-s3';
import { InvalidConfigError } from '../contracts/failures.ts';
import { isKey } from './keys.ts';

/** What is set about the server outside of recipes. */
export interface S3Settings {
  /** Address of another vendor's server, null for AWS. */
  endpoint: string | null;
  /** `endpoint/bucket/key` in place of `bucket.endpoint/key`. */
  pathStyle: boolean;
}

/** A bucket on a server: what the functions beside this one work on. */
export interface S3Bucket {
  s3: S3;
  name: string;
}

/** Attempts of one request: a store that is away for some seconds should not cost an activity. */
const MAX_ATTEMPTS = 6;
const CONNECTION_TIMEOUT_MS = 10_000;
/** A server that says nothing for so long is taken as gone. */
const SOCKET_TIMEOUT_MS = 60_000;

/**
 * Settings of the environment: `AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL`; path style with an endpoint of one's
 * own, unless `TIVE_S3_PATH_STYLE` is 1 or 0. Region, profile and credentials are found by the SDK itself.
 */
export function s3Settings(environment: NodeJS.ProcessEnv = process.env): S3Settings {
  const endpoint = environment['AWS_ENDPOINT_URL_S3'] || environment['AWS_ENDPOINT_URL'] || null;
  const style = environment['TIVE_S3_PATH_STYLE'];
  return { endpoint, pathStyle: style === '1' || (endpoint !== null && style !== '0') };
}

/** Whether an address is one in a bucket. */
export function isS3(uri: string): boolean {
  return uri.startsWith('s3://');
}

/**
 * Bucket and prefix of `s3://bucket/prefix`; the prefix is empty or ends with `/`.
 * @throws InvalidConfigError for another form; an address with credentials is refused and not repeated
 */
export function parseS3Uri(uri: string): { bucket: string; prefix: string } {
  const [, bucket, rest = ''] = /^s3:\/\/([^/]*)\/?(.*)$/s.exec(uri) ?? [];
  if (bucket?.includes('@')) {
    throw new InvalidConfigError(
      'store: address must not hold credentials, got "@" in it; set AWS_PROFILE or AWS_ACCESS_KEY_ID',
    );
  }
  const path = rest.replace(/\/$/, '');
  if (
    bucket === undefined ||
    !/^[a-zA-Z0-9][a-zA-Z0-9._-]{1,61}[a-zA-Z0-9]$/.test(bucket) ||
    !(path === '' || isKey(path))
  )
    throw new InvalidConfigError(`store: address must be s3://bucket/prefix, got "${uri}"`);
  return { bucket, prefix: path === '' ? '' : `${path}/` };
}

/** A client of a server. The SDK is an optional peer: it is loaded here and nowhere else. */
export async function connectS3(
  { endpoint, pathStyle }: S3Settings,
  load: () => Promise<typeof Sdk> = () => import('@aws-sdk/client-s3'),
): Promise<S3> {
  const sdk = await load().catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new InvalidConfigError(
      'store: s3:// needs the package @aws-sdk/client-s3, got none; npm install @aws-sdk/client-s3',
    );
  });
  return new sdk.S3({
    ...(endpoint === null ? {} : { endpoint }),
    ...(process.env['AWS_MAX_ATTEMPTS'] === undefined ? { maxAttempts: MAX_ATTEMPTS } : {}),
    forcePathStyle: pathStyle,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS, socketTimeout: SOCKET_TIMEOUT_MS },
    // Uploads carry SHA-256, readers verify it; other vendors do not know the SDK's default of CRC32.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}
