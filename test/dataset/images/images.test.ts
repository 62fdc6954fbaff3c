import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeImage } from '../../../dataset/images/image-decode.ts';
import type { RgbImage } from '../../../dataset/images/image-decode.ts';
import { readImageFile } from '../../../dataset/images/image-file.ts';
import { preprocessImage } from '../../../dataset/images/image-preprocess.ts';
import { readImageSettings } from '../../../dataset/images/image-settings.ts';
import type { ImageSettings } from '../../../dataset/images/image-settings.ts';
import { extensionDiffers, imageType } from '../../../dataset/images/image-type.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';
import { openSafetensors } from '../../../model/safetensors.ts';

const GOLDEN = 'test/golden/tiny-llava';

/** No scaling, no shift: pixels come out as levels. */
const PLAIN: ImageSettings = {
  aspect: 'crop',
  longestEdge: null,
  splits: false,
  resized: { width: 4, height: 4 },
  filter: 'bicubic',
  width: 4,
  height: 4,
  rescaleFactor: 1,
  mean: [0, 0, 0],
  standardDeviation: [1, 1, 1],
};

/** A picture of one colour as PNG. */
function png(width: number, height: number, [r, g, b]: [number, number, number] = [10, 20, 30]): Promise<Buffer> {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
    .png()
    .toBuffer();
}

/** A picture from its levels. */
function pngOf(width: number, height: number, channels: 3 | 4, levels: number[]): Promise<Buffer> {
  return sharp(Uint8Array.from(levels), { raw: { width, height, channels } }).png().toBuffer();
}

async function pixelsOf(bytes: Uint8Array, settings: ImageSettings, aspect: 'pad' | 'crop'): Promise<Float32Array> {
  const result = await preprocessImage(bytes, settings, aspect);
  if (isRejection(result)) throw new Error(result.detail);
  return result.pixels;
}

describe('the model input', () => {
  test.each([
    ['ex-000', 'cat.png'],
    ['ex-003', 'china.png'],
    ['ex-two-turns', 'coffee.png'],
  ])('of golden row %s (%s) has the bits that transformers computes with Pillow and NumPy', async (id, image) => {
    const file = await openSafetensors(`${GOLDEN}/expected.safetensors`);
    const wanted = await file.read(`${id}.pixel_values`);
    await file.close();
    const pixels = await pixelsOf(
      await readFile(`${GOLDEN}/images/${image}`),
      await readImageSettings(`${GOLDEN}/model`),
      'crop',
    );
    expect(pixels).toHaveLength(3 * 56 * 56);
    expect(pixels).toEqual(wanted);
  });

  test('is channel by channel, each (level · factor − mean) / deviation', async () => {
    const settings: ImageSettings = {
      ...PLAIN,
      resized: { width: 1, height: 1 },
      width: 1,
      height: 1,
      rescaleFactor: 0.5,
      mean: [1, 2, 3],
      standardDeviation: [1, 2, 4],
    };
    expect([...(await pixelsOf(await png(1, 1), settings, 'crop'))]).toEqual([4, 4, 3]);
  });

  test('crops the middle, the odd pixel to the right', async () => {
    const settings: ImageSettings = { ...PLAIN, resized: { shortestEdge: 1 }, width: 1, height: 1 };
    const row = await pngOf(4, 1, 3, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
    expect([...(await pixelsOf(row, settings, 'crop'))]).toEqual([2, 2, 2]);
  });

  test('with both edges set is resized to them, then cropped', async () => {
    const settings: ImageSettings = { ...PLAIN, resized: { width: 4, height: 1 }, width: 2, height: 1 };
    const row = await pngOf(4, 1, 3, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]);
    expect([...(await pixelsOf(row, settings, 'crop'))]).toEqual([2, 3, 2, 3, 2, 3]);
  });

  test('is black outside of a picture that is smaller than the crop', async () => {
    const settings: ImageSettings = { ...PLAIN, resized: { shortestEdge: 1 }, width: 3, height: 1 };
    expect([...(await pixelsOf(await png(1, 1), settings, 'crop'))]).toEqual([0, 10, 0, 0, 20, 0, 0, 30, 0]);
  });

  test('with pad has the mean colour, rounded down, around the whole picture', async () => {
    const settings: ImageSettings = { ...PLAIN, mean: [0.5, 0.25, 1] };
    const levels = { inside: [10 - 0.5, 20 - 0.25, 30 - 1], outside: [127 - 0.5, 63 - 0.25, 255 - 1] };
    const wide = await pixelsOf(await png(4, 2), settings, 'pad');
    const tall = await pixelsOf(await png(1, 4), settings, 'pad');
    for (let channel = 0; channel < 3; channel += 1) {
      const [o, i] = [levels.outside[channel]!, levels.inside[channel]!];
      expect([...wide.slice(16 * channel, 16 * channel + 16)]).toEqual([
        o,
        o,
        o,
        o,
        i,
        i,
        i,
        i,
        i,
        i,
        i,
        i,
        o,
        o,
        o,
        o,
      ]);
      expect([...tall.slice(16 * channel, 16 * channel + 16)]).toEqual([0, 1, 2, 3].flatMap(() => [o, i, o, o]));
    }
  });

  test('of a square picture is the same with pad and crop', async () => {
    const settings = { ...PLAIN, shortestEdge: 4 };
    const square = await png(9, 9);
    expect(await pixelsOf(square, settings, 'pad')).toEqual(await pixelsOf(square, settings, 'crop'));
  });
});

describe('the type of a picture', () => {
  test.each<[string, number[] | string, string]>([
    ['a.jpg', [0xff, 0xd8, 0xff, 0xe0], 'jpeg'],
    ['a.png', '\x89PNG\r\n', 'png'],
    ['a.gif', 'GIF89a', 'gif'],
    ['a.webp', 'RIFF\0\0\0\0WEBPVP8 ', 'webp'],
    ['a.tif', 'II*\0', 'tiff'],
    ['a.tiff', 'MM\0*', 'tiff'],
    ['a.avif', '\0\0\0\x1cftypavif', 'avif'],
  ])('of %s is read from its first bytes', (path, start, type) => {
    const bytes = typeof start === 'string' ? Buffer.from(start, 'latin1') : Uint8Array.from(start);
    expect(imageType(bytes)).toBe(type);
    expect(extensionDiffers(path, bytes)).toBe(false);
    expect(extensionDiffers('folder.x/a.JPEG', bytes)).toBe(type !== 'jpeg');
    expect(extensionDiffers('a.bin', bytes)).toBe(false);
  });

  test('that is not decoded is refused with what was found', () => {
    const refusal = (text: string): unknown => imageType(Buffer.from(text, 'latin1'));
    const html = {
      reason: 'image_type_html',
      detail: 'image must be a picture, got an HTML page; the link is probably dead',
    };
    expect(refusal('  <!DOCTYPE html><html>')).toEqual(html);
    expect(refusal('\xef\xbb\xbf<HTML lang="en">')).toEqual(html);
    const unsupported = (got: string): unknown => ({
      reason: 'image_type_unsupported',
      detail: `image must be JPEG, PNG, GIF, WebP, TIFF or AVIF, got ${got}`,
    });
    expect(refusal('<svg xmlns="">')).toEqual(unsupported('bytes 3c73766720786d6c'));
    expect(refusal('BM6')).toEqual(unsupported('bytes 424d36'));
    expect(refusal('')).toEqual(unsupported('an empty file'));
    expect(extensionDiffers('a.png', Buffer.from('BM6'))).toBe(false);
  });
});

describe('decoding', () => {
  test('a JPEG whose header claims more pixels than any picture has is refused before it is decoded', async () => {
    const jpeg = await sharp(await png(40, 30))
      .jpeg()
      .toBuffer();
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    jpeg.writeUInt16BE(60_000, frame + 5);
    jpeg.writeUInt16BE(50_000, frame + 7);
    expect(await decodeImage(jpeg)).toEqual({
      reason: 'image_too_large',
      detail: 'image must have at most 178,956,970 pixels, got 50,000 × 60,000',
    });
  });

  test('drops alpha without blending', async () => {
    const decoded = await decodeImage(await pngOf(2, 1, 4, [200, 100, 50, 0, 1, 2, 3, 128]));
    expect(decoded).toMatchObject({ width: 2, height: 1 });
    expect([...(decoded as RgbImage).data]).toEqual([200, 100, 50, 1, 2, 3]);
  });

  test('makes three channels of grey', async () => {
    const grey = await sharp(Uint8Array.of(7, 200), { raw: { width: 2, height: 1, channels: 1 } })
      .png()
      .toBuffer();
    expect([...((await decodeImage(grey)) as RgbImage).data]).toEqual([7, 7, 7, 200, 200, 200]);
  });

  test('does not rotate by EXIF', async () => {
    const rotated = await sharp(await png(4, 2))
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    expect(await decodeImage(rotated)).toMatchObject({ width: 4, height: 2 });
  });

  test('refuses a picture that ends early', async () => {
    const jpeg = await sharp(await readFile(`${GOLDEN}/images/china.png`))
      .jpeg()
      .toBuffer();
    expect(await decodeImage(jpeg.subarray(0, jpeg.length >> 1))).toEqual({
      reason: 'image_truncated',
      detail: 'image must be complete, got a premature end of JPEG data',
    });
  });

  test('refuses a picture that is broken', async () => {
    const bytes = Uint8Array.from([...Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...new Array<number>(64).fill(7)]);
    expect(await preprocessImage(bytes, PLAIN, 'crop')).toEqual({
      reason: 'image_corrupt',
      detail: 'image must be readable, got damaged PNG data',
    });
  });

  test('gives a broken picture the same reason whatever is decoded at the same time', async () => {
    const whole = await sharp(await readFile(`${GOLDEN}/images/china.png`))
      .resize(64, 64)
      .png()
      .toBuffer();
    const cut = whole.subarray(0, whole.length >> 1);
    const broken = Buffer.concat([whole.subarray(0, 12), Buffer.alloc(100, 7)]);
    const pictures = Array.from({ length: 300 }, (_, index) => [whole, cut, broken][index % 3]!);
    const outcomes = await Promise.all(pictures.map((bytes) => decodeImage(bytes)));
    const reasons = outcomes.map((outcome) => (isRejection(outcome) ? outcome.reason : null));
    expect(reasons).toEqual(pictures.map((_, index) => [null, 'image_truncated', 'image_corrupt'][index % 3]));
  });

  test('refuses a picture of more pixels than Pillow takes, before it is decoded', async () => {
    const bytes = Buffer.from(await png(1, 1));
    // Width and height in the header, with its checksum.
    bytes.writeUInt32BE(20_000, 16);
    bytes.writeUInt32BE(20_000, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    expect(await decodeImage(bytes)).toEqual({
      reason: 'image_too_large',
      detail: 'image must have at most 178,956,970 pixels, got 20,000 × 20,000',
    });
  });
});

describe('reading files', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'images-'));
    await mkdir(join(root, 'images', 'deep'), { recursive: true });
    await mkdir(join(root, 'images-outside'));
    await writeFile(join(root, 'images', 'deep', 'a.png'), 'inside');
    await writeFile(join(root, 'images-outside', 'a.png'), 'outside');
    await symlink(join(root, 'images-outside'), join(root, 'images', 'link'));
  });
  afterAll(() => rm(root, { recursive: true }));

  test('gives the bytes of a file below the folder', async () => {
    expect(await readImageFile(join(root, 'images'), 'deep/../deep/a.png')).toEqual({ bytes: Buffer.from('inside') });
  });

  test('says that a folder, and a pipe, is no file, without waiting for it', async () => {
    execFileSync('mkfifo', [join(root, 'images/pipe.png')]);
    for (const path of ['deep', 'pipe.png'])
      expect(await readImageFile(join(root, 'images'), path)).toEqual({
        reason: 'image_missing',
        detail: `image must be a file, got ${path}`,
      });
  });

  test.each(['nothing.png', 'deep/a.png/b.png'])('says that %s is missing', async (path) => {
    expect(await readImageFile(join(root, 'images'), path)).toEqual({
      reason: 'image_missing',
      detail: `image must exist, got ${path}`,
    });
  });

  test.each([
    '../images-outside/a.png',
    'deep/../../images-outside/a.png',
    '/etc/hostname',
    'link/a.png',
    '..',
    'a\0.png',
  ])('refuses %j, which leads outside of the folder', async (path) => {
    const fix = path.startsWith('/') ? '; set image_folder to a folder above it' : '';
    const detail = `image must lie below image_folder, got ${JSON.stringify(path)}${fix}`;
    expect(await readImageFile(join(root, 'images'), path)).toEqual({ reason: 'image_path_escapes', detail });
  });

  test('follows a folder that is a link to where it leads today', async () => {
    const [folder, second] = [join(root, 'current'), join(root, 'second')];
    await mkdir(second);
    await writeFile(join(second, 'b.png'), 'second');
    await symlink(join(second, 'b.png'), join(root, 'images', 'deep', 'b.png'));
    await symlink(join(root, 'images', 'deep'), folder);
    expect(await readImageFile(folder, 'a.png')).toEqual({ bytes: Buffer.from('inside') });
    expect(await readImageFile(folder, 'b.png')).toMatchObject({ reason: 'image_path_escapes' });
    await rm(folder);
    await symlink(second, folder);
    expect(await readImageFile(folder, 'b.png')).toEqual({ bytes: Buffer.from('second') });
    expect(await readImageFile(folder, 'a.png')).toMatchObject({ reason: 'image_missing' });
  });

  test('refuses a device, which would be read without end', async () => {
    const detail = 'image must be a file, got zero';
    expect(await readImageFile('/dev', 'zero')).toEqual({ reason: 'image_missing', detail });
  });
});
