// Pictures in the report: JPEGs that were made for it, and nothing else.
import { trusted } from './html.ts';
import type { Html } from './html.ts';

/** Only these bytes are shown as a picture. */
const THUMBNAIL = /^data:image\/jpeg;base64,[A-Za-z0-9+/]+={0,2}$/;

/** A picture; null for what is none. @param words what it shows: nothing of the dataset's texts */
export function thumbnail(uri: string | null, words: string): Html | null {
  if (uri === null || !THUMBNAIL.test(uri)) return null;
  return trusted(`<img src="${uri}" alt="${words}" loading="lazy">`);
}
