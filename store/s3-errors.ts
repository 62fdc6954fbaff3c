// What S3 refuses, as errors without requests in them.
import { InvalidConfigError } from '../contracts/failures.ts';

/** What a server refused, or how it could not be reached. It holds no request, so neither headers nor credentials. */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  /** `ENOENT` where there is no such key, else the server's word, e.g. `PreconditionFailed`. */
  readonly code: string;
  /** HTTP status, null where there was no answer. */
  readonly status: number | null;

  constructor(message: string, code: string, status: number | null) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Errors of the SDK, as far as they are read here. */
interface SdkError {
  name?: string;
  message?: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
}

/** What retrying cannot cure, with the remedy. */
const MISTAKES: Readonly<Record<string, string>> = {
  NoSuchBucket: 'create the bucket',
  InvalidBucketName: 'correct store.uri',
  PermanentRedirect: "set AWS_REGION to the bucket's",
  AuthorizationHeaderMalformed: "set AWS_REGION to the bucket's",
  AccessDenied: 'allow reading, writing, listing and deleting below the prefix',
  Forbidden: 'allow reading, writing, listing and deleting below the prefix',
  InvalidAccessKeyId: 'check the credentials',
  SignatureDoesNotMatch: 'check the credentials',
  CredentialsProviderError: 'set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  NotImplemented: 'use a server with conditional puts and multipart uploads',
};

/** Waits for an answer; its error is told in the words of the store. @param place e.g. `s3://bucket/key` */
export async function answerOf<Answer>(place: string, request: Promise<Answer>): Promise<Answer> {
  try {
    return await request;
  } catch (error) {
    throw storeError(place, error as SdkError);
  }
}

/** An error of the SDK as the store's: a mistake of the caller's, a missing key, or passing trouble. */
export function storeError(place: string, error: SdkError): Error {
  const status = error.$metadata?.httpStatusCode ?? null;
  const code = status === 403 && !(error.name! in MISTAKES) ? codeOfForbidden(error) : (error.name ?? 'Error');
  if (code === 'NoSuchKey' || code === 'NotFound' || (status === 404 && code === 'UnknownError'))
    return new S3Error(`${place}: key must exist, got none`, 'ENOENT', status);
  const said = withoutSecrets(error.message || error.code || 'no message');
  if (said === 'Region is missing')
    return new InvalidConfigError(`${place}: region must be set, got none; set AWS_REGION`);
  const remedy = MISTAKES[code];
  if (remedy !== undefined)
    return new InvalidConfigError(`${place}: server must take the request, got ${code} (${said}); ${remedy}`);
  const answer = status === null ? code : `${status} ${code}`;
  return new S3Error(`${place}: server must take the request, got ${answer} (${said})`, code, status);
}

/** 403 without a name is the answer to a HEAD; some names mean that it will pass. */
function codeOfForbidden({ name = '' }: SdkError): string {
  return /^(Request|Expired|Token|SlowDown|Throttl)/.test(name) ? name : 'Forbidden';
}

/** Text without the credentials that the environment holds and without signatures of addresses. */
function withoutSecrets(text: string): string {
  const secrets = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
  return secrets
    .map((name) => process.env[name] ?? '')
    .filter((secret) => secret !== '')
    .reduce((rest, secret) => rest.replaceAll(secret, '…'), text)
    .replace(/(X-Amz-(?:Credential|Signature|Security-Token)=)[^&\s]+/gi, '$1…');
}
