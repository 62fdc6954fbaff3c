import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import { imageNotes, parseImageSettings, readImageSettings } from '../../../dataset/images/image-settings.ts';

const GOLDEN = 'test/golden/tiny-llava';

describe('settings', () => {
  const base = { image_mean: [0, 0, 0], image_std: [1, 1, 1], size: { shortest_edge: 7 }, crop_size: 7 };
  const siglip = { ...base, image_processor_type: 'SiglipImageProcessor', size: { width: 7, height: 7 } };
  const idefics = {
    ...base,
    image_processor_type: 'Idefics3ImageProcessor',
    size: { longest_edge: 9 },
    max_image_size: { longest_edge: 7 },
  };

  test('of the golden model are those of its processor_config.json', async () => {
    expect(await readImageSettings(`${GOLDEN}/model`)).toEqual({
      splits: false,
      aspect: 'crop',
      longestEdge: null,
      resized: { shortestEdge: 56 },
      filter: 'bicubic',
      width: 56,
      height: 56,
      rescaleFactor: 1 / 255,
      mean: [0.48145466, 0.4578275, 0.40821073],
      standardDeviation: [0.26862954, 0.26130258, 0.27577711],
    });
  });

  test.each<[object, object]>([
    [
      { ...base, size: 5 },
      { resized: { shortestEdge: 5 }, width: 7, height: 7 },
    ],
    [
      { ...base, crop_size: { width: 3, height: 2 } },
      { resized: { shortestEdge: 7 }, width: 3, height: 2 },
    ],
    [
      { ...base, size: { width: 9, height: 8 } },
      { resized: { width: 9, height: 8 }, width: 7, height: 7 },
    ],
    [
      { ...base, size: { width: 9, height: 8 }, do_center_crop: false },
      { resized: { width: 9, height: 8 }, width: 9, height: 8 },
    ],
    [
      { ...base, crop_size: null, do_center_crop: null, rescale_factor: null },
      { width: 224, height: 224, rescaleFactor: 1 / 255 },
    ],
    [siglip, { resized: { width: 7, height: 7 }, width: 7, height: 7 }],
    [
      { ...siglip, size: 9, do_center_crop: true },
      { resized: { shortestEdge: 9 }, width: 7, height: 7 },
    ],
    [idefics, { longestEdge: 9, resized: { width: 7, height: 7 }, width: 7, height: 7, filter: 'lanczos' }],
  ])('%j are %j', (given, wanted) => {
    expect(parseImageSettings(given as Record<string, unknown>)).toMatchObject(wanted);
  });

  test.each<[string | undefined, boolean | null, 'pad' | 'crop']>([
    ['LlavaImageProcessor', true, 'pad'],
    ['LlavaImageProcessorFast', true, 'pad'],
    [undefined, true, 'pad'],
    ['LlavaImageProcessor', false, 'crop'],
    ['LlavaImageProcessor', null, 'crop'],
    ['CLIPImageProcessor', true, 'crop'],
    ['SiglipImageProcessor', true, 'crop'],
    ['Idefics3ImageProcessor', true, 'crop'],
  ])('of %s with do_pad %s mean %s where the aspect is auto', (type, pads, wanted) => {
    const given = { ...idefics, image_processor_type: type, do_pad: pads };
    const size = type?.startsWith('Idefics') === true ? idefics.size : siglip.size;
    expect(parseImageSettings({ ...given, size }).aspect).toBe(wanted);
  });

  test.each<[Record<string, unknown>, string]>([
    [{ resample: 4 }, 'resample must be 1 (Lanczos), 2 (bilinear) or 3 (bicubic), got 4'],
    [{ do_resize: false }, 'do_resize must be true, got false'],
    [{ do_normalize: false }, 'do_normalize must be true, got false'],
    [{ do_center_crop: 'false' }, 'do_center_crop must be true or false, got "false"'],
    [{ image_mean: [1, 2] }, 'image_mean must be three numbers, got [1,2]'],
    [{ image_std: [1, 0, 1] }, 'image_std must be above 0, got [1,0,1]'],
    [{ rescale_factor: '0.0039' }, 'rescale_factor must be a positive number, got "0.0039"'],
    [{ rescale_factor: 0 }, 'rescale_factor must be a positive number, got 0'],
    [{ size: { longest_edge: 3 } }, 'size must have shortest_edge, or width and height, got {"longest_edge":3}'],
    [
      { size: { shortest_edge: 7, longest_edge: 9 } },
      'size must have shortest_edge, or width and height, got {"shortest_edge":7,"longest_edge":9}',
    ],
    [{ size: '7' }, 'size must have shortest_edge, or width and height, got "7"'],
    [{ size: { shortest_edge: -7 } }, 'size must have edges from 1 to 16,384, got {"shortest_edge":-7}'],
    [{ size: 0 }, 'size must have edges from 1 to 16,384, got 0'],
    [{ size: { width: 7.5, height: 7 } }, 'size must have edges from 1 to 16,384, got {"width":7.5,"height":7}'],
    [{ size: 28_000_000 }, 'size must have edges from 1 to 16,384, got 28000000'],
    [{ crop_size: { shortest_edge: 7 } }, 'crop_size must have edges from 1 to 16,384, got {"shortest_edge":7}'],
    [
      { do_center_crop: false },
      'size must have width and height where nothing is cropped, so that pictures have one size, got {"shortest_edge":7}',
    ],
    [
      { ...siglip, size: 7 },
      'size must have width and height where nothing is cropped, so that pictures have one size, got 7',
    ],
    [{ ...idefics, size: { longest_edge: 0 } }, 'size must have edges from 1 to 16,384, got {"longest_edge":0}'],
    [{ ...idefics, max_image_size: {} }, 'max_image_size must have longest_edge, got {}'],
  ])('%j are refused', (change, message) => {
    const parse = (): unknown => parseImageSettings({ ...base, ...change });
    expect(parse).toThrow(InvalidConfigError);
    expect(parse).toThrow(`preprocessor_config.json: ${message}`);
  });

  test('stand in processor_config.json, or else in preprocessor_config.json', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'settings-'));
    await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify({ ...base, size: 5 }));
    await writeFile(join(folder, 'processor_config.json'), JSON.stringify({ processor_class: 'LlavaProcessor' }));
    expect(await readImageSettings(folder)).toMatchObject({ resized: { shortestEdge: 5 } });
    await writeFile(join(folder, 'processor_config.json'), JSON.stringify({ image_processor: base }));
    expect(await readImageSettings(folder)).toMatchObject({ resized: { shortestEdge: 7 } });
    await rm(folder, { recursive: true });
  });

  test.each([
    ['processor_config.json', '{', /^processor_config\.json: must be valid JSON, got /],
    [
      'processor_config.json',
      '{"image_processor":[1]}',
      /^processor_config\.json: image_processor must be an object, got \[1\]/,
    ],
    ['preprocessor_config.json', 'null', /^preprocessor_config\.json: must hold an object, got null; fetch /],
    ['preprocessor_config.json', '[]', /^preprocessor_config\.json: must hold an object, got \[\]; fetch /],
  ])('in %s that is %s are refused', async (name, text, message) => {
    const folder = await mkdtemp(join(tmpdir(), 'settings-'));
    await writeFile(join(folder, name), text);
    const read = readImageSettings(folder);
    await expect(read).rejects.toThrow(InvalidConfigError);
    await expect(read).rejects.toThrow(message);
    await rm(folder, { recursive: true });
  });

  test('of a folder without either file are refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'settings-'));
    await expect(readImageSettings(folder)).rejects.toThrow(
      `model.path: must hold preprocessor_config.json or processor_config.json, got neither in ${folder}`,
    );
    await rm(folder, { recursive: true });
  });

  test.each([
    [{}, 1],
    [{ do_image_splitting: null }, 1],
    [{ do_image_splitting: true }, 1],
    [{ do_image_splitting: false }, 0],
    [{ ...siglip, do_image_splitting: true }, 0],
  ])('tiles that a processor would cut are told, also where that is only its default: %o', (change, count) => {
    expect(imageNotes(parseImageSettings({ ...idefics, ...change }))).toHaveLength(count);
  });
});
