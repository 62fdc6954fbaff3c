// The type of a picture by its first bytes.
import type { Rejection } from '../rows/row-outcome.ts';

/** Image formats that are decoded. */
export type ImageType = 'jpeg' | 'png' | 'gif' | 'webp' | 'tiff' | 'avif';

/** Extensions that fit each type. */
const EXTENSIONS: Readonly<Record<ImageType, readonly string[]>> = {
  jpeg: ['jpg', 'jpeg', 'jpe', 'jfif'],
  png: ['png'],
  gif: ['gif'],
  webp: ['webp'],
  tiff: ['tif', 'tiff'],
  avif: ['avif'],
};

/**
 * The type of a picture by its first bytes, never by its name.
 * SVG is refused here, since the decoder would render it, and so is everything else that is not in the list.
 */
export function imageType(bytes: Uint8Array): ImageType | Rejection {
  const text = Buffer.from(bytes.subarray(0, 512)).toString('latin1');
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (text.startsWith('\x89PNG')) return 'png';
  if (text.startsWith('GIF8')) return 'gif';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'webp';
  if (text.startsWith('II*\0') || text.startsWith('MM\0*')) return 'tiff';
  if (text.slice(4, 12) === 'ftypavif' || text.slice(4, 12) === 'ftypavis') return 'avif';
  if (/^(\xef\xbb\xbf)?\s*<(!doctype|html)/i.test(text)) {
    return {
      reason: 'image_type_html',
      detail: 'image must be a picture, got an HTML page; the link is probably dead',
    };
  }
  const got = bytes.length === 0 ? 'an empty file' : `bytes ${Buffer.from(bytes.subarray(0, 8)).toString('hex')}`;
  return { reason: 'image_type_unsupported', detail: `image must be JPEG, PNG, GIF, WebP, TIFF or AVIF, got ${got}` };
}

/** Whether a file's extension names another type than its bytes; unknown extensions do not. */
export function extensionDiffers(path: string, bytes: Uint8Array): boolean {
  const type = imageType(bytes);
  if (typeof type !== 'string') return false;
  const extension = path.slice(path.lastIndexOf('.') + 1).toLowerCase();
  return Object.values(EXTENSIONS).flat().includes(extension) && !EXTENSIONS[type].includes(extension);
}
