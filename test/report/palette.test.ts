import { describe, expect, test } from 'vitest';
import { DARK, LIGHT } from '../../report/palette.ts';
import type { Palette } from '../../report/palette.ts';
import { MOST_OPACITY } from '../../report/space-section.ts';

/** WCAG 2 relative luminance of `#rrggbb`. */
function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const value = parseInt(color.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

/** WCAG 2 contrast ratio, 1 to 21. */
function contrast(left: string, right: string): number {
  const [dark, light] = [luminance(left), luminance(right)].sort((a, b) => a - b);
  return (light! + 0.05) / (dark! + 0.05);
}

const INKS: (keyof Palette)[] = ['text', 'muted', 'selected', 'before', 'good', 'bad', 'warning'];
const PAIRS = INKS.flatMap((ink) => (['page', 'card'] as const).map((ground) => [ink, ground] as const));

describe('palette', () => {
  test('the contrast formula gives the known values of black and white', () => {
    expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 10);
    expect(contrast('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
  });

  test.each(PAIRS)('%s on %s has a contrast of at least 4.5 in both schemes', (ink, ground) => {
    expect(contrast(LIGHT[ink], LIGHT[ground])).toBeGreaterThanOrEqual(4.5);
    expect(contrast(DARK[ink], DARK[ground])).toBeGreaterThanOrEqual(4.5);
  });

  test.each(['selected', 'before'] as const)('numbers stay readable on the darkest square of %s', (ink) => {
    for (const palette of [LIGHT, DARK])
      expect(contrast(palette.text, mixed(palette[ink], palette.page, MOST_OPACITY))).toBeGreaterThanOrEqual(4.5);
  });
});

/** A colour over a ground, with so much of it. */
function mixed(color: string, ground: string, opacity: number): string {
  const channels = [1, 3, 5].map((place) => {
    const [over, under] = [color, ground].map((hex) => parseInt(hex.slice(place, place + 2), 16)) as [number, number];
    return Math.round(opacity * over + (1 - opacity) * under);
  });
  return `#${channels.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}
