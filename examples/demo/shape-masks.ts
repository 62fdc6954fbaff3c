// The shapes of scenes as masks of coverage.
import type { Shape } from './words.ts';

/** Samples per pixel and axis. */
const SUPERSAMPLING = 4;

const inside: Record<Shape, (x: number, y: number, pixel: number) => boolean> = {
  circle: (x, y) => (x - 0.5) ** 2 + (y - 0.5) ** 2 <= 0.25,
  // one pixel smaller on each side, or a square would look larger than the other shapes
  square: (x, y, pixel) => Math.min(x, y) >= pixel && Math.max(x, y) <= 1 - pixel,
  triangle: (x, y) => Math.abs(x - 0.5) <= y / 2,
  cross: (x, y) => Math.min(Math.abs(x - 0.5), Math.abs(y - 0.5)) <= 0.17,
  star: (x, y) => insideStar(x - 0.5, y - 0.5),
};

const masks = new Map<string, Float32Array>();

/**
 * Share of each pixel that a shape covers, by 4 × 4 samples per pixel.
 *
 * @returns float32 [row, column] of the given side, values 0…1; shared between calls, not to be written to
 */
export function shapeMask(shape: Shape, side: number): Float32Array {
  const key = `${shape}-${side}`;
  const known = masks.get(key);
  if (known) return known;
  const mask = Float32Array.from({ length: side * side }, (_, index) =>
    coverage(shape, side, index % side, Math.floor(index / side)),
  );
  masks.set(key, mask);
  return mask;
}

function coverage(shape: Shape, side: number, column: number, row: number): number {
  let hits = 0;
  for (let sample = 0; sample < SUPERSAMPLING ** 2; sample += 1) {
    const x = (column + ((sample % SUPERSAMPLING) + 0.5) / SUPERSAMPLING) / side;
    const y = (row + (Math.floor(sample / SUPERSAMPLING) + 0.5) / SUPERSAMPLING) / side;
    if (inside[shape](x, y, 1 / side)) hits += 1;
  }
  return hits / SUPERSAMPLING ** 2;
}

/** Star of five points, one of them up, outer radius 0.5, inner radius 0.5 / 2.3. */
function insideStar(x: number, y: number): boolean {
  const sector = (2 * Math.PI) / 5;
  // folded into half a sector: angle 0 at a point, sector / 2 at a notch
  const turned = Math.abs(Math.atan2(x, -y)) % sector;
  const angle = Math.min(turned, sector - turned);
  const radius = Math.hypot(x, y);
  const notch = { x: (0.5 / 2.3) * Math.cos(sector / 2), y: (0.5 / 2.3) * Math.sin(sector / 2) };
  // on the inner side of the edge from the point (0.5, 0) to the notch
  const along = { x: notch.x - 0.5, y: notch.y };
  return along.x * (radius * Math.sin(angle)) - along.y * (radius * Math.cos(angle) - 0.5) >= 0;
}
