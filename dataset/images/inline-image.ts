// Pictures that stand in their row themselves: data URIs and bare base64.
import { quoted } from '../rows/row-outcome.ts';
import type { Rejection } from '../rows/row-outcome.ts';

/** How the base64 of a JPEG, PNG, GIF or WebP file begins. */
const BARE = /^(\/9j\/|iVBORw0KGgo|R0lGOD|UklGR)/;

/** A bare text of this length is no name of a file: names have at most 255 bytes. */
const LONGEST_NAME = 255;

/** Whether what a row names as a picture is the picture itself. */
export function isInline(image: string): boolean {
  return /^data:/i.test(image) || (image.length > LONGEST_NAME && BARE.test(image));
}

/** A picture's name for tables and messages: a path is itself, what stands in the row is cut. */
export function imageName(image: string): string {
  if (!isInline(image)) return image;
  const head = /^data:[^,]{0,60}/i.exec(image)?.[0] ?? 'base64';
  return `${head},… (${image.length.toLocaleString('en')} characters)`;
}

/** The bytes of a picture that stands in its row. */
export function readInline(image: string): { bytes: Uint8Array } | Rejection {
  const comma = image.indexOf(',');
  const head = /^data:/i.test(image) ? image.slice(0, Math.max(comma, 0)) : null;
  const isBase64 = head === null || /;\s*base64\s*$/i.test(head);
  const text = head === null ? image : image.slice(comma + 1);
  // Node reads what it knows of a text and passes over the rest: a text that is no base64 must be told before.
  if (!isBase64 || !/^[A-Za-z0-9+/_\-\s]+={0,2}\s*$/.test(text)) {
    return {
      reason: 'image_corrupt',
      detail: `image must be data:image/…;base64, and base64, got ${quoted(image)}; write base64 or the path of a file`,
    };
  }
  return { bytes: new Uint8Array(Buffer.from(text, 'base64')) };
}
