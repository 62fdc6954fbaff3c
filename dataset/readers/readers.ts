// The readers of files of rows. A new one is a file beside this, an entry here and its words in the documentation.
// Whoever asks for names or extensions loads no reader: each is imported when it opens a file.
import type { WritePicture } from './packed-row.ts';

/** How files of one kind are told and read. */
export interface Reader {
  /** How messages call the kind. */
  kind: string;
  /** The value of `dataset.format` that insists on it; null: none does, the rows' form is what matters. */
  format: string | null;
  /** What the command's help calls such files. */
  files: string;
  /** Ends of names by which a folder's files of rows are told from others; a file's own kind is told by its bytes. */
  extensions: readonly string[];
  /** Characters that stand at a place of every such file; null: what no other reader knows is read by it. */
  magic: { place: number; text: string } | null;
  /** Rows as JSON texts of a line, their pictures written out before; null: the file is JSON itself. */
  open: ((path: string, writePicture: WritePicture) => Promise<AsyncGenerator<Uint8Array>>) | null;
}

/** JSON first, which reads what no other knows by its magic. */
export const READERS = [
  {
    kind: 'json',
    format: null,
    files: 'JSON arrays, JSON lines',
    extensions: ['json', 'jsonl', 'ndjson'],
    magic: null,
    open: null,
  },
  {
    kind: 'parquet',
    format: 'parquet',
    files: 'Parquet',
    extensions: ['parquet'],
    magic: { place: 0, text: 'PAR1' },
    open: async (path, writePicture) => (await import('./parquet-source.ts')).parquetSource(path, writePicture),
  },
  {
    kind: 'tar',
    format: 'webdataset',
    files: 'WebDataset tar',
    extensions: ['tar'],
    magic: { place: 257, text: 'ustar' },
    open: async (path, writePicture) => (await import('./tar-rows.ts')).tarRows(path, writePicture),
  },
  {
    kind: 'gzip',
    format: null,
    files: 'gzip of JSON',
    extensions: ['json.gz', 'jsonl.gz', 'ndjson.gz'],
    magic: { place: 0, text: '\x1f\x8b' },
    open: async (path) => (await import('./compressed-rows.ts')).gzipRows(path),
  },
  {
    kind: 'zstd',
    format: null,
    files: 'zstd of JSON',
    extensions: ['json.zst', 'jsonl.zst', 'ndjson.zst'],
    magic: { place: 0, text: '\x28\xb5\x2f\xfd' },
    open: async (path) => (await import('./compressed-rows.ts')).zstdRows(path),
  },
  {
    kind: 'arrow',
    format: null,
    files: 'Arrow streams of save_to_disk',
    extensions: ['arrow'],
    magic: { place: 0, text: '\xff\xff\xff\xff' },
    open: async (path, writePicture) => (await import('./arrow-rows.ts')).arrowRows(path, writePicture),
  },
] as const satisfies readonly Reader[];

/** Values of `dataset.format` that are readers. */
export type PackedFormat = NonNullable<(typeof READERS)[number]['format']>;

/** The same as a list. */
export const PACKED_FORMATS: readonly PackedFormat[] = READERS.map(({ format }) => format).filter(
  (format) => format !== null,
);

/** What files of rows are, in words. */
export const SOURCE_FILES = READERS.map(({ files }) => files).join(', ');

const EXTENSIONS = READERS.flatMap(({ extensions }) => extensions.map((extension) => `.${extension}`));

/** Their extensions, in words: `.a, .b or .c`. */
export const SOURCE_EXTENSIONS = `${EXTENSIONS.slice(0, -1).join(', ')} or ${EXTENSIONS.at(-1)}`;

/** Whether a name ends as files of rows do. */
export function hasSourceExtension(name: string): boolean {
  const lower = name.toLowerCase();
  return EXTENSIONS.some((extension) => lower.endsWith(extension));
}
