// What makes two rows the same row.
import { createHash } from 'node:crypto';
import type { Turn } from '../forms/conversation.ts';

/**
 * A row's identity: SHA-256 of the canonical JSON `{"turns":[[role,value],…],"images":[sha256 of bytes,…]}`, turns as
 * read; an answer that is not learned is `[role,value,false]`. Id, path and task are not in it.
 *
 * A row with videos or sounds has `"clips":[[kind,sha256 of a file,…],…]` behind.
 *
 * @param imageHashes hex SHA-256 of each picture's bytes
 * @returns 32 bytes
 */
export function contentHash(
  turns: readonly Turn[],
  imageHashes: readonly string[],
  clips: readonly (readonly string[])[] = [],
): Uint8Array {
  const content = { turns: turns.map(textOf), images: imageHashes };
  const canonical = JSON.stringify(clips.length === 0 ? content : { ...content, clips });
  return createHash('sha256').update(canonical).digest();
}

function textOf({ role, value, masked }: Turn): unknown[] {
  return masked === true ? [role, value, false] : [role, value];
}
