// What makes two rows the same row.
import { createHash } from 'node:crypto';
import type { Turn } from '../forms/conversation.ts';

/**
 * A row's identity: SHA-256 of the canonical JSON `{"turns":[[role,value],…],"images":[sha256 of bytes,…]}`, turns as
 * read, `masked` behind an answer that is out of the loss. Id, path and task are not in it.
 *
 * @param imageHashes hex SHA-256 of each picture's bytes
 * @returns 32 bytes
 */
export function contentHash(turns: readonly Turn[], imageHashes: readonly string[]): Uint8Array {
  const canonical = JSON.stringify({ turns: turns.map(hashed), images: imageHashes });
  return createHash('sha256').update(canonical).digest();
}

function hashed({ role, value, isMasked }: Turn): string[] {
  return isMasked === true ? [role, value, 'masked'] : [role, value];
}
