// The one path by which bytes of artifacts and checkpoints are read: each is compared with its hash on the way.
import { createHash } from 'node:crypto';
import { DamagedArtifactError } from '../contracts/failures.ts';
import type { ArtifactDamage } from '../contracts/failures.ts';
import type { FileReference } from '../contracts/references.ts';
import { sha256 } from './addresses.ts';
import { hashFile } from './file-hash.ts';
import type { Store } from './store.ts';

/** Damage as an error that names the artifact in full, and both hashes. */
export function damaged(damage: ArtifactDamage): DamagedArtifactError {
  const { uri, name, expected, found } = damage;
  const wanted = expected === null ? 'a file of this version must be there' : `sha256 must be ${expected}`;
  const got = found === null ? 'no file' : expected === null ? `other bytes, sha256 ${found}` : found;
  return new DamagedArtifactError(
    `${uri}/${name}: ${wanted}, got ${got}; tive run --repair sets the artifact aside and makes it again`,
    damage,
  );
}

/** Whether a store says that there is no such key. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'ENOENT';
}

/**
 * Streams a file of an artifact; the last piece comes only when the hash of all is right.
 * @throws DamagedArtifactError where the file is gone or has other bytes
 */
export async function* streamVerified(store: Store, uri: string, file: FileReference): AsyncGenerator<Uint8Array> {
  const { name, sha256: expected } = file;
  const hash = createHash('sha256');
  let held: Uint8Array | null = null;
  const pieces = store.stream(`${uri}/${name}`)[Symbol.asyncIterator]();
  try {
    for (let next = await nextOf(pieces, uri, file); next.done !== true; next = await nextOf(pieces, uri, file)) {
      hash.update(next.value);
      if (held !== null) yield held;
      held = next.value;
    }
  } finally {
    await pieces.return?.();
  }
  const found = hash.digest('hex');
  if (found !== expected) throw damaged({ uri, name, expected, found });
  if (held !== null) yield held;
}

/** What a reader does between two pieces is none of the store's errors, so they are told apart here. */
async function nextOf(
  pieces: AsyncIterator<Uint8Array>,
  uri: string,
  { name, sha256: expected }: FileReference,
): Promise<IteratorResult<Uint8Array>> {
  try {
    return await pieces.next();
  } catch (error) {
    throw isMissing(error) ? damaged({ uri, name, expected, found: null }) : error;
  }
}

/** A small file of an artifact as a whole. @throws DamagedArtifactError as `streamVerified` */
export async function readVerified(store: Store, uri: string, file: FileReference): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of streamVerified(store, uri, file)) pieces.push(piece);
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

/**
 * A file of this machine with a value of the hash: a copy that went bad on this machine is brought again.
 * @returns null where the value is gone or has other bytes
 */
export async function verifiedFile(
  store: Store,
  key: string,
  hasHash: (hash: string) => boolean,
): Promise<string | null> {
  const bring = async (): Promise<string | null> => {
    const path = await store.localFile(key).catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
    return path !== null && hasHash(await hashFile(path)) ? path : null;
  };
  return (await bring()) ?? ((await store.dropCopy(key)) ? bring() : null);
}

/** A value of a checkpoint with a hash of its own, which `readSealed` compares. */
export async function writeSealed(store: Store, key: string, value: object): Promise<void> {
  await store.write(key, [Buffer.from(`${JSON.stringify({ ...value, seal: sealOf(value) })}\n`)]);
}

/**
 * A value that was written with its hash, or before there were such hashes.
 * @returns null where there is none, or where it has other bytes
 */
export async function readSealed(store: Store, key: string): Promise<object | null> {
  const bytes = await store.read(key).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  const sealed = bytes === null ? null : parsed(bytes);
  if (sealed === null) return null;
  const { seal, ...value } = sealed;
  return seal === undefined || seal === sealOf(value) ? value : null;
}

function parsed(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** JSON keeps the order of keys, so what was read gives the text that was written. */
function sealOf(value: object): string {
  return sha256(JSON.stringify(value));
}
