// Which failures of a store may pass.
import type { S3Error } from './s3-errors.ts';

/** Codes of system calls that fail because a disk is full or a file system or server is away for the time being. */
const PASSING = new Set([
  'EAGAIN',
  'EBUSY',
  'ECONNREFUSED',
  'ECONNRESET',
  'EDQUOT',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'EIO',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOSPC',
  'ENOTCONN',
  'EPIPE',
  'EROFS',
  'ESTALE',
  'ETIMEDOUT',
]);

const TOO_MANY_REQUESTS = 429;
const FIRST_SERVER_ERROR = 500;

/** Whether a store failed for reasons outside the work: it is full, away or overloaded, and may come back. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // By name: an error that comes from a thread has lost its class.
  if (error.name === 'S3Error') {
    const { code, status } = error as S3Error;
    if (code === 'ENOENT') return false;
    return status === null || status === TOO_MANY_REQUESTS || status >= FIRST_SERVER_ERROR;
  }
  return PASSING.has((error as NodeJS.ErrnoException).code ?? '') || isOutage(error.cause);
}
