// Stores by their addresses.
import { InvalidConfigError } from '../contracts/failures.ts';
import { LocalStore } from './local-store.ts';
import { isS3 } from './s3-client.ts';
import { S3Store } from './s3-store.ts';
import type { Store } from './store.ts';

/** The store at an address: `s3://bucket/prefix`, or a folder. @throws InvalidConfigError for any other scheme */
export function openStore(uri: string): Store {
  if (!hasScheme(uri)) return new LocalStore(uri, { hasPrivateRoot: true });
  if (isS3(uri)) return new S3Store(uri);
  const scheme = uri.slice(0, uri.indexOf('://') + 3);
  throw new InvalidConfigError(`store: address must be a folder or s3://bucket/prefix, got one of ${scheme}`);
}

/** Whether an address is `scheme://…` and so no path of this machine. */
export function hasScheme(uri: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(uri);
}
