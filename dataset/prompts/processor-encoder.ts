// Dialogues whose tokens a model's own processor makes: written here, encoded there.
import type { ClipKind, SizedClip } from '../../contracts/clips.ts';
import type { PromptTemplate } from '../../contracts/config.ts';
import { clipPlaceholder } from '../forms/clips.ts';
import { IMAGE_PLACEHOLDER } from '../forms/conversation.ts';
import type { Turn } from '../forms/conversation.ts';
import type { ImageSize } from '../images/image-decode.ts';
import { isRejection } from '../rows/row-outcome.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import type { PromptPiece } from './prompt-piece.ts';
import type { EncodedPrompt, PromptEncoder, PromptRow } from './prompt.ts';
import { CountInTime, createRowWriter, guardOf } from './row-writer.ts';

/** Texts of a model's folder, as its processor knows them. */
export interface ProcessorTexts {
  chatTemplate: string | null;
  eosToken: string;
  namedTokens: Readonly<Record<string, string>>;
  reservedTexts: readonly string[];
  /** Stands once for a picture in a text; null for a model of text. */
  imageToken: string | null;
  /** The same of a video and of a sound; null for a model without. */
  videoToken: string | null;
  audioToken: string | null;
}

/** A row as text, and the sizes of its pictures. */
export interface SizedText {
  pieces: readonly PromptPiece[];
  pictures: readonly ImageSize[];
  clips: readonly SizedClip[];
}

/** What decides a model's prompts. */
export interface ProcessorOptions {
  template: 'auto' | PromptTemplate;
  texts: ProcessorTexts;
  /** Tokens of rows in their order. */
  process(rows: readonly SizedText[]): Promise<(EncodedPrompt | Rejection)[]>;
}

/** An encoder that gives the texts too. */
export interface ProcessorEncoder extends PromptEncoder {
  /** Rows' texts with their answers marked; those of one call share one deadline, as in `encodeAll`. */
  writeAll(rows: readonly WrittenTurns[]): (PromptPiece[] | Rejection)[];
}

/** What is written of a row. */
export interface WrittenTurns extends Pick<PromptRow, 'turns' | 'imageCount'> {
  /** Of its clips; none where it has none. */
  kinds?: readonly ClipKind[];
}

function takesNone(kind: ClipKind): Rejection {
  const more = kind === 'video' ? '; videos need torchvision beside torch' : '';
  return { reason: 'media_unsupported', detail: `the model must take ${kind}, got one that does not${more}` };
}

async function withSizes(pieces: PromptPiece[] | Rejection, row: PromptRow): Promise<SizedText | Rejection> {
  if (isRejection(pieces)) return pieces;
  const pictures = await row.imageSizes();
  return isRejection(pictures) ? pictures : { pieces, pictures, clips: row.clips ?? [] };
}

/**
 * The encoder of a model whose pictures differ in their vectors.
 * @throws InvalidConfigError for a template that cannot be read
 */
export function createProcessorEncoder({ template, texts, process }: ProcessorOptions): ProcessorEncoder {
  const guard = guardOf();
  const { imageToken, videoToken, audioToken, reservedTexts } = texts;
  const clipTokens = { video: videoToken, audio: audioToken };
  const mediaTokens = { image: imageToken, ...clipTokens };
  // The picture's own token is what `<image>` becomes.
  const reserved = reservedTexts.filter((text) => text !== IMAGE_PLACEHOLDER);
  const hasToken = (text: string): boolean => reservedTexts.includes(text);
  const writer = guard(() => createRowWriter(template, { ...texts, mediaTokens, reservedTexts: reserved, hasToken }));
  const lastAnswers = new CountInTime(guard);
  const write = (turns: readonly Turn[], imageCount: number, kinds: readonly ClipKind[]): PromptPiece[] | Rejection => {
    if (imageCount > 0 && imageToken === null)
      return { reason: 'too_many_images', detail: `a row must have no images for a model of text, got ${imageCount}` };
    const unknown = kinds.find((kind) => clipTokens[kind] === null);
    if (unknown !== undefined) return takesNone(unknown);
    const written = writer.write(turns, imageCount, kinds);
    if (isRejection(written)) return written;
    if (written.lastAnswerOnly) lastAnswers.add();
    const places: [string, string | null][] = [
      [IMAGE_PLACEHOLDER, imageToken],
      ...kinds.map((kind): [string, string | null] => [clipPlaceholder(kind), clipTokens[kind]]),
    ];
    const filled = (text: string): string =>
      places.reduce((result, [place, token]) => (token === null ? result : result.replaceAll(place, token)), text);
    return written.pieces.map((piece) => ({ ...piece, text: filled(piece.text) }));
  };
  const writeAll: ProcessorEncoder['writeAll'] = (rows) =>
    lastAnswers.during(() =>
      rows.map(({ turns, imageCount, kinds = [] }) => write(turns, imageCount, [...new Set(kinds)])),
    );
  const encodeAll = async (rows: readonly PromptRow[]): Promise<(EncodedPrompt | Rejection)[]> => {
    const written = writeAll(
      rows.map(({ turns, imageCount, clips = [] }) => ({ turns, imageCount, kinds: clips.map(({ kind }) => kind) })),
    );
    const sized = await Promise.all(written.map((pieces, index) => withSizes(pieces, rows[index]!)));
    const tokens = await process(sized.filter((row): row is SizedText => !isRejection(row)));
    let next = 0;
    return sized.map((row) => (isRejection(row) ? row : tokens[next++]!));
  };
  return { endsAnswers: writer.endsAnswers, notes: () => writer.notes(lastAnswers.count), writeAll, encodeAll };
}
