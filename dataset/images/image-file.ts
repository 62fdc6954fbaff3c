// The files of pictures: read below their folder alone, with a reason where one cannot be used.
import { constants } from 'node:fs';
import { open, readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Rejection } from '../rows/row-outcome.ts';
import { isInline, readInline } from './inline-image.ts';

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
 * Reads a picture: one that stands in its row, or a file below the image folder, by a path relative to it, an absolute
 * one or `file://`. What leads outside of the folder, by `..` or symbolic links too, is refused.
 */
export async function readImageFile(imageFolder: string, image: string): Promise<{ bytes: Uint8Array } | Rejection> {
  if (isInline(image)) return readInline(image);
  const path = withoutScheme(image);
  if (path === null) return isElsewhere(image);
  try {
    const file = await findInside(imageFolder, path);
    if (file === null) return escapes(path);
    return await readWhole(file, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && NO_SUCH_FILE.has(code))
      return { reason: 'image_missing', detail: `image must exist, got ${shortened(path)}` };
    throw error;
  }
}

/** A file's bytes, by one opening; nothing else than a file is waited for. */
async function readWhole(file: string, path: string): Promise<{ bytes: Uint8Array } | Rejection> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await handle.stat();
    if (!found.isFile()) return { reason: 'image_missing', detail: `image must be a file, got ${shortened(path)}` };
    const { size } = found;
    if (size > MAX_IMAGE_BYTES) return { reason: 'image_too_large', detail: tooLarge(size) };
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafeSlow(size), 0, size, 0);
    // A file that shrank or that comes in parts is read by the usual way.
    return { bytes: bytesRead === size ? buffer : await readFile(file) };
  } finally {
    await handle.close();
  }
}

/** Whether a picture is there: in its row, or as a file below the image folder, whose bytes are not read. */
export async function imageExists(imageFolder: string, image: string): Promise<boolean> {
  if (isInline(image)) return true;
  const path = withoutScheme(image);
  const file = path === null ? null : await findInside(imageFolder, path).catch(() => null);
  return file !== null && (await stat(file)).isFile();
}

/** A picture's path as rules for tasks see it: relative to the image folder where it lies below. */
export function pathBelow(imageFolder: string, image: string): string {
  if (isInline(image)) return '';
  const path = withoutScheme(image) ?? image;
  if (!isAbsolute(path)) return path;
  const below = relative(imageFolder, path);
  return leadsOutside(below) ? path : below;
}

/** A path or `file://` as a path; null for an address of another kind. */
function withoutScheme(image: string): string | null {
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(image)) return image;
  if (!/^file:\/\//i.test(image)) return null;
  try {
    return fileURLToPath(image);
  } catch {
    return null;
  }
}

function leadsOutside(path: string): boolean {
  return path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path);
}

/** Image folders whose real path is remembered. */
const REMEMBERED_FOLDERS = 64;

const realFolders = new Map<string, string>();

/** The real path of a picture, or null where it leads outside of the folder. */
async function findInside(imageFolder: string, path: string): Promise<string | null> {
  if (path.includes('\0')) return null;
  const inside = normalize(path);
  if (isAbsolute(path)) {
    const root = await realFolder(imageFolder);
    if (leadsOutside(relative(imageFolder, inside)) && leadsOutside(relative(root, inside))) return null;
  } else if (leadsOutside(inside)) return null;
  const file = await realpath(isAbsolute(path) ? inside : join(imageFolder, inside));
  // A folder that is a link may have been made to lead elsewhere since.
  const remembered = realFolders.get(imageFolder);
  if (remembered !== undefined && liesBelow(file, remembered)) return file;
  return liesBelow(file, await realFolder(imageFolder)) ? file : null;
}

function liesBelow(file: string, root: string): boolean {
  return file.startsWith(root.endsWith(sep) ? root : `${root}${sep}`);
}

async function realFolder(imageFolder: string): Promise<string> {
  const root = await realpath(imageFolder);
  if (realFolders.size >= REMEMBERED_FOLDERS) realFolders.clear();
  realFolders.set(imageFolder, root);
  return root;
}

function escapes(path: string): Rejection {
  const fix = isAbsolute(path) ? '; set image_folder to a folder above it' : '';
  return {
    reason: 'image_path_escapes',
    detail: `image must lie below image_folder, got ${JSON.stringify(shortened(path))}${fix}`,
  };
}

function isElsewhere(image: string): Rejection {
  return {
    reason: 'image_missing',
    detail: `image must be a file below image_folder, got the address ${JSON.stringify(shortened(image))}; download it`,
  };
}

function shortened(path: string): string {
  return path.length <= 120 ? path : `${path.slice(0, 119)}…`;
}
