// The words of the demo's questions and answers.

/** Garments in the order of Fashion-MNIST's labels 0–9. */
export const GARMENTS = [
  't-shirt',
  'trousers',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'boot',
] as const;
export type Garment = (typeof GARMENTS)[number];

/** Mean red, green and blue of each color of a scene. */
export const COLOR_VALUES = {
  red: [220, 40, 40],
  green: [40, 180, 60],
  blue: [50, 90, 230],
  yellow: [235, 215, 50],
  purple: [160, 60, 200],
  white: [240, 240, 240],
} as const;
export type Color = keyof typeof COLOR_VALUES;
export const COLORS = Object.keys(COLOR_VALUES) as readonly Color[];

export const SHAPES = ['circle', 'square', 'triangle', 'cross', 'star'] as const;
export type Shape = (typeof SHAPES)[number];

/** Places of a scene's 2 × 2 cells; cell number = 2 · row + column. */
export const PLACES = ['top left', 'top right', 'bottom left', 'bottom right'] as const;

export const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

/** Letters of the options of a multiple choice. */
export const LETTERS = ['A', 'B', 'C'] as const;

/** Options as lines of text, each after a line break: `\nA. dress\nB. bag`. */
export function optionLines(options: readonly (string | number)[]): string {
  return options.map((option, index) => `\n${LETTERS[index]!}. ${option}`).join('');
}
