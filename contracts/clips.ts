// Videos and sounds of rows, as they travel to a model's own processor.

export type ClipKind = 'video' | 'audio';

/** A clip as far as it decides a row's tokens: the size of its frames, or a file as it is. */
export type SizedClip = FrameSizes | FileClip;

/** A clip with what the model sees or hears. */
export type LoadedClip = FrameClip | FileClip;

/** Frames of one size. */
export interface FrameSizes {
  kind: 'video';
  frameCount: number;
  height: number;
  width: number;
}

/** Frames, 8-bit RGB `[frame, height, width, 3]`. */
export interface FrameClip extends FrameSizes {
  data: Uint8Array;
}

/** The bytes of a file that the engine decodes. */
export interface FileClip {
  kind: ClipKind;
  file: Uint8Array;
}
