import { expect, test } from 'vitest';
import { imageAspectOf } from '../../../activities/shared/compute-context.ts';
import type { Config } from '../../../contracts/config.ts';
import type { ImageSettings } from '../../../dataset/images/image-settings.ts';

test.each<[Config['model']['imageAspect'], ImageSettings['aspect'] | null, 'pad' | 'crop']>([
  ['auto', 'pad', 'pad'],
  ['auto', 'crop', 'crop'],
  ['auto', null, 'crop'],
  ['pad', 'crop', 'pad'],
  ['crop', 'pad', 'crop'],
])('image_aspect %s with a processor that does %s is %s', (imageAspect, aspect, wanted) => {
  const settings = aspect === null ? null : ({ aspect } as ImageSettings);
  expect(imageAspectOf({ model: { imageAspect } } as Config, settings)).toBe(wanted);
});
