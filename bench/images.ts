// Bench of pictures: decoded, resized and normalised a second.
import sharp from 'sharp';
import { preprocessImage } from '../dataset/images/image-preprocess.ts';
import type { ImageSettings } from '../dataset/images/image-settings.ts';
import { median, short } from './bench.ts';
import type { BenchLine } from './bench.ts';

const GOAL = 150;
const PICTURES = 60;
const REPEATS = 5;

/** As CLIP's folders have it. */
const SETTINGS: ImageSettings = {
  aspect: 'crop',
  resized: { shortestEdge: 336 },
  longestEdge: null,
  splits: false,
  filter: 'bicubic',
  width: 336,
  height: 336,
  rescaleFactor: 1 / 255,
  mean: [0.48145466, 0.4578275, 0.40821073],
  standardDeviation: [0.26862954, 0.26130258, 0.27577711],
};

/** Pictures of 640 × 480 from JPEG bytes to the model's input, by processor time: decoding threads count. */
export async function* bench(): AsyncGenerator<BenchLine> {
  const jpeg = await photograph();
  for (const aspect of ['crop', 'pad'] as const) {
    const rates: number[] = [];
    for (let repeat = 0; repeat <= REPEATS; repeat += 1) {
      const before = process.cpuUsage();
      for (let picture = 0; picture < PICTURES; picture += 1) await preprocessImage(jpeg, SETTINGS, aspect);
      const { user, system } = process.cpuUsage(before);
      // The first round warms up.
      if (repeat > 0) rates.push(PICTURES / ((user + system) / 1e6));
    }
    const facts = [
      `${short(median(rates))} pictures/s a core (goal ${GOAL})`,
      `640 × 480 JPEG of ${Math.round(jpeg.length / 1000)} kB to 336 × 336`,
    ];
    yield { name: `images ${aspect}`, facts };
  }
}

/** Smooth with some noise, as a photograph is. */
function photograph(): Promise<Buffer> {
  const levels = Uint8Array.from({ length: 640 * 480 * 3 }, (_, place) => {
    const [x, y] = [Math.floor(place / 3) % 640, Math.floor(place / 1920)];
    return (128 + 60 * Math.sin(x / 40 + (place % 3)) + 50 * Math.cos(y / 30)) ^ ((place * 2654435761) >>> 29);
  });
  return sharp(levels, { raw: { width: 640, height: 480, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}
