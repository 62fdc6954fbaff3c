// Choices of shapes and colors for a scene.
import { drawScene, type Picture, type SceneContent, type SceneShape } from './pictures.ts';
import type { Random } from './named-random.ts';
import { COLORS, SHAPES } from './words.ts';

/** A shape and its color, without a place. */
export type Thing = Pick<SceneShape, 'shape' | 'color'>;

/** Things of which no two share a shape or a color. */
export function differentThings(random: Random, count: number): Thing[] {
  const colors = random.sample(COLORS, count);
  return random.sample(SHAPES, count).map((shape, index) => ({ shape, color: colors[index]! }));
}

/** Things of any shape and color. */
export function anyThings(random: Random, count: number): Thing[] {
  return Array.from({ length: count }, () => ({ shape: random.pick(SHAPES), color: random.pick(COLORS) }));
}

/** A scene of the things in random cells; its content lists them by cell. */
export function drawThings(random: Random, things: readonly Thing[]): Picture<SceneContent> {
  const cells = random.sample([0, 1, 2, 3], things.length).sort((a, b) => a - b);
  return drawScene(
    random,
    things.map((thing, index) => ({ ...thing, cell: cells[index]! })),
  );
}
