// Files of videos and sounds: read below the image folder, frames decoded as pictures are.
import { createHash } from 'node:crypto';
import type { FrameClip, LoadedClip, SizedClip } from '../../contracts/clips.ts';
import type { Clip } from '../forms/clips.ts';
import { decodeImage } from '../images/image-decode.ts';
import { readImageFile } from '../images/image-file.ts';
import { isRejection } from './row-outcome.ts';
import type { Rejection } from './row-outcome.ts';
import { folderOfImage } from './row-source.ts';
import type { RowSource } from './row-source.ts';

/** A clip, and the hex SHA-256 of each of its files. */
export interface HashedClip<Content> {
  content: Content;
  hashes: string[];
}

/** Bytes of all frames of a video that are held at a time: those of 256 frames of 1,024 × 1,024. */
const MAX_FRAME_BYTES = 768 * 1024 ** 2;

/** A row's clip as the engine takes it, or why it cannot be used. */
export async function loadClip(source: RowSource, clip: Clip): Promise<HashedClip<LoadedClip> | Rejection> {
  return clip.isFrames ? readFrames(source, clip, true) : loadFile(source, clip);
}

/** A clip as far as its tokens need it. */
export async function sizeClip(source: RowSource, clip: Clip): Promise<HashedClip<SizedClip> | Rejection> {
  if (!clip.isFrames) return loadFile(source, clip);
  const read = await readFrames(source, clip, false);
  if (isRejection(read)) return read;
  const { kind, frameCount, height, width } = read.content;
  return { ...read, content: { kind, frameCount, height, width } };
}

async function loadFile(source: RowSource, clip: Clip): Promise<HashedClip<LoadedClip> | Rejection> {
  const [path = ''] = clip.files;
  const read = await readFile(source, path, clip);
  if (isRejection(read)) return read;
  return { content: { kind: clip.kind, file: read.bytes }, hashes: [hashOf(read.bytes)] };
}

/** Frames one by one; `data` is empty where they are not kept. */
async function readFrames(source: RowSource, clip: Clip, keeps: boolean): Promise<HashedClip<FrameClip> | Rejection> {
  const hashes: string[] = [];
  let frames: FrameClip | null = null;
  for (const [index, path] of clip.files.entries()) {
    const read = await readFile(source, path, clip);
    if (isRejection(read)) return read;
    const decoded = await decodeImage(read.bytes);
    if (isRejection(decoded)) return corrupt(`frame ${index + 1}: ${decoded.detail}`);
    const { width, height, data } = decoded;
    const size = data.length * clip.files.length;
    if (size > MAX_FRAME_BYTES)
      return {
        reason: 'media_too_long',
        detail: `video must have at most ${MAX_FRAME_BYTES} bytes of frames, got ${size}`,
      };
    frames ??= { kind: 'video', frameCount: clip.files.length, width, height, data: new Uint8Array(keeps ? size : 0) };
    if (frames.width !== width || frames.height !== height)
      return corrupt(
        `frames must have one size, got ${frames.width} × ${frames.height} and ${width} × ${height} (frame ${index + 1})`,
      );
    if (keeps) frames.data.set(data, index * data.length);
    hashes.push(hashOf(read.bytes));
  }
  return frames === null ? corrupt('video must have frames, got none') : { content: frames, hashes };
}

function corrupt(detail: string): Rejection {
  return { reason: 'media_corrupt', detail };
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function readFile(source: RowSource, path: string, clip: Clip): Promise<{ bytes: Uint8Array } | Rejection> {
  const read = await readImageFile(folderOfImage(source, path), path);
  if (!isRejection(read)) return read;
  const name = clip.isFrames ? 'frame' : clip.kind;
  const reason = read.reason === 'image_too_large' ? 'media_too_long' : 'media_missing';
  return { reason, detail: read.detail.replace(/^image\b/, name) };
}
