// Videos and sounds of rows as the engine's process takes them.
import type { LoadedClip, SizedClip } from '../../contracts/clips.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import type { FrameTensor } from './tensors.ts';

/** A clip in a request's head; of frames whose pixels are not sent, their shape. */
export function describedClip(clip: SizedClip | LoadedClip): JsonObject {
  if ('file' in clip || 'data' in clip) return { kind: clip.kind };
  return { kind: clip.kind, shape: [clip.frameCount, clip.height, clip.width] };
}

/** The clips of a row in a request's body: frames `[frame, height, width, 3]`, files `[byte]`. */
export function clipTensors(clips: readonly (SizedClip | LoadedClip)[], row: number): FrameTensor[] {
  return clips.flatMap((clip, index): FrameTensor[] => {
    const name = `row.${row}.clip.${index}`;
    if ('file' in clip) return [{ name, shape: [clip.file.length], values: clip.file }];
    if (!('data' in clip)) return [];
    return [{ name, shape: [clip.frameCount, clip.height, clip.width, 3], values: clip.data }];
  });
}
