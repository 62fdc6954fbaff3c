// Pictures that are packed with their rows: how they are named and written.

/** Writes one picture; the name is relative to the folder that the rows' pictures lie below. */
export type WritePicture = (
  name: string,
  bytes: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
) => Promise<void>;

/** Pictures of one folder: large folders are slow to list. */
const ROWS_OF_FOLDER = 1000;

/** Name of a picture by its row: `00017/000017432-0.jpg`. Equal files give equal names. */
export function pictureName(rowIndex: number, place: number, extension: string): string {
  const folder = String(Math.floor(rowIndex / ROWS_OF_FOLDER)).padStart(5, '0');
  return `${folder}/${String(rowIndex).padStart(9, '0')}-${place}.${extension}`;
}

/** Tells a name that {@link pictureName} has given. */
export const PICTURE_NAME = /^\d{5}\/\d{9,}-\d+\.[a-z\d]+$/;
