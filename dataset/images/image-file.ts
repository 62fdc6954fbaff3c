// The files of pictures: read below their folder alone, with a reason where one cannot be used.
import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, normalize, sep } from 'node:path';
import type { Rejection } from '../rows/row-outcome.ts';

/**
 * Codes that speak of the path, not of passing trouble. Where the picture itself stands in the row, the path is too
 * long.
 */
const NO_SUCH_FILE = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'ELOOP']);

/** Largest file that is read as a picture: more than any that is decoded has. */
const MAX_IMAGE_BYTES = 256 * 1024 ** 2;

function tooLarge(size: number): string {
  return `image must have at most ${MAX_IMAGE_BYTES.toLocaleString('en')} bytes, got ${size.toLocaleString('en')}`;
}

/**
 * Reads a picture below the image folder. Absolute paths, `..` and symbolic links that lead outside are refused.
 */
export async function readImageFile(imageFolder: string, path: string): Promise<{ bytes: Uint8Array } | Rejection> {
  try {
    const file = await findInside(imageFolder, path);
    if (file === null) return escapes(path);
    const found = await stat(file);
    if (!found.isFile()) return { reason: 'image_missing', detail: `image must be a file, got ${shortened(path)}` };
    const { size } = found;
    if (size > MAX_IMAGE_BYTES) return { reason: 'image_too_large', detail: tooLarge(size) };
    return { bytes: await readFile(file) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && NO_SUCH_FILE.has(code))
      return { reason: 'image_missing', detail: `image must exist, got ${shortened(path)}` };
    throw error;
  }
}

/** Whether a picture is a file below the image folder; its bytes are not read. */
export async function imageExists(imageFolder: string, path: string): Promise<boolean> {
  const file = await findInside(imageFolder, path).catch(() => null);
  return file !== null && (await stat(file)).isFile();
}

/** The real path of a picture, or null where it leads outside of the folder. */
async function findInside(imageFolder: string, path: string): Promise<string | null> {
  const inside = normalize(path);
  if (isAbsolute(path) || inside === '..' || inside.startsWith(`..${sep}`) || path.includes('\0')) return null;
  const [root, file] = await Promise.all([realpath(imageFolder), realpath(join(imageFolder, inside))]);
  return file.startsWith(root.endsWith(sep) ? root : `${root}${sep}`) ? file : null;
}

function escapes(path: string): Rejection {
  return {
    reason: 'image_path_escapes',
    detail: `image must lie below image_folder, got ${JSON.stringify(shortened(path))}`,
  };
}

function shortened(path: string): string {
  return path.length <= 200 ? path : `${path.slice(0, 199)}…`;
}
