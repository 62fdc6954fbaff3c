// The demo's pictures: garments, digits and scenes of shapes.
import type { Random } from './named-random.ts';
import { shapeMask } from './shape-masks.ts';
import type { LabelledPictures, SourceSplit } from './sources.ts';
import { COLOR_VALUES, GARMENTS, type Color, type Garment, type Shape } from './words.ts';

/** Side of every picture in pixels. */
export const SIDE = 56;
const CELL_SIDE = SIDE / 2;

/** One shape of a scene; `cell` is 2 · row + column of the 2 × 2 cells. */
export interface SceneShape {
  cell: number;
  shape: Shape;
  color: Color;
}

/** Garments from left to right. */
export interface GarmentsContent {
  kind: 'garments';
  garments: Garment[];
}

/** Digits from left to right. */
export interface DigitsContent {
  kind: 'digits';
  digits: number[];
}

/** Shapes, each in a cell of its own. */
export interface SceneContent {
  kind: 'scene';
  shapes: SceneShape[];
}

/** What is to be seen. */
export type PictureContent = GarmentsContent | DigitsContent | SceneContent;

export interface Picture<Content extends PictureContent = PictureContent> {
  /** uint8 [row, column, channel], 56 × 56 × 3, RGB. */
  pixels: Uint8Array;
  content: Content;
  /** Ids of the source pictures in it; none for a scene. */
  sourceIds: string[];
}

/** One garment, 28 × 28, its corner at 14 · {0, 1, 2} in both axes. */
export function drawGarment(random: Random, { garments }: SourceSplit): Picture<GarmentsContent> {
  const number = random.integer(0, garments.labels.length);
  const pixels = emptyCanvas(random, 0, 30);
  paste(pixels, garments, number, 14 * random.integer(0, 3), 14 * random.integer(0, 3));
  return {
    pixels,
    content: { kind: 'garments', garments: [GARMENTS[garments.labels[number]!]!] },
    sourceIds: [garments.ids[number]!],
  };
}

/** Two garments of different kinds side by side, at the same height. */
export function drawGarmentPair(random: Random, { garments }: SourceSplit): Picture<GarmentsContent> {
  const kinds = random.sample(GARMENTS, 2);
  const numbers = kinds.map((kind) => random.pick(garments.byLabel[GARMENTS.indexOf(kind)]!));
  const pixels = emptyCanvas(random, 0, 30);
  const top = 14 * random.integer(0, 3);
  numbers.forEach((number, index) => {
    paste(pixels, garments, number, top, index * garments.side);
  });
  return {
    pixels,
    content: { kind: 'garments', garments: kinds },
    sourceIds: numbers.map((number) => garments.ids[number]!),
  };
}

/**
 * A number of one to three digits, 18 × 18 each, side by side at a free place, each up to one pixel higher or lower.
 */
export function drawDigits(random: Random, { digits }: SourceSplit, count: number): Picture<DigitsContent> {
  const pixels = emptyCanvas(random, 0, 30);
  const top = random.integer(2, SIDE - digits.side - 1);
  const left = random.integer(0, SIDE - digits.side * count + 1);
  const numbers = Array.from({ length: count }, () => random.integer(0, digits.labels.length));
  numbers.forEach((number, index) => {
    paste(pixels, digits, number, top + random.integer(-1, 2), left + index * digits.side);
  });
  return {
    pixels,
    content: { kind: 'digits', digits: numbers.map((number) => digits.labels[number]!) },
    sourceIds: numbers.map((number) => digits.ids[number]!),
  };
}

/** A scene: each shape 16–24 pixels wide, jittered in its cell, its color varied by normal(0, 10) in each channel. */
export function drawScene(random: Random, shapes: readonly SceneShape[]): Picture<SceneContent> {
  const pixels = emptyCanvas(random, 10, 70);
  for (const shape of shapes) paintShape(random, pixels, shape);
  return { pixels, content: { kind: 'scene', shapes: [...shapes] }, sourceIds: [] };
}

/** Canvas of one grey drawn from [low, high). */
function emptyCanvas(random: Random, low: number, high: number): Uint8Array {
  return new Uint8Array(SIDE * SIDE * 3).fill(random.integer(low, high));
}

/** Puts a grey picture on the canvas: pixelwise maximum. */
function paste(canvas: Uint8Array, pictures: LabelledPictures, number: number, top: number, left: number): void {
  const { side, pixels } = pictures;
  for (let index = 0; index < side * side; index += 1) {
    const at = 3 * ((top + Math.floor(index / side)) * SIDE + left + (index % side));
    const grey = Math.max(canvas[at]!, pixels[number * side * side + index]!);
    canvas.fill(grey, at, at + 3);
  }
}

function paintShape(random: Random, canvas: Uint8Array, { cell, shape, color }: SceneShape): void {
  const side = random.integer(16, 25);
  const top = Math.floor(cell / 2) * CELL_SIDE + random.integer(1, CELL_SIDE - side);
  const left = (cell % 2) * CELL_SIDE + random.integer(1, CELL_SIDE - side);
  const paint = COLOR_VALUES[color].map((mean) => mean + 10 * random.normal());
  shapeMask(shape, side).forEach((share, index) => {
    const at = 3 * ((top + Math.floor(index / side)) * SIDE + left + (index % side));
    for (let channel = 0; channel < 3; channel += 1) {
      const mixed = canvas[at + channel]! * (1 - share) + paint[channel]! * share;
      canvas[at + channel] = Math.round(Math.min(255, Math.max(0, mixed)));
    }
  });
}
