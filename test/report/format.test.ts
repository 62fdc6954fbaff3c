import { describe, expect, test } from 'vitest';
import { count, duration, number, percent, points, share, shorten } from '../../report/format.ts';

const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

describe('format', () => {
  test.each([
    [count(0), '0'],
    [count(665298), '665,298'],
    [count(1e9), '1,000,000,000'],
    [count(null), '–'],
    [percent(0.4264), '42.6 %'],
    [percent(null), '–'],
    [share(0.15), '15 %'],
    [share(0.1499), '15 %'],
    [share(0.1264), '12.6 %'],
    [share(0.0001), '< 0.1 %'],
    [share(0), '0 %'],
    [number(0), '0.000'],
    [number(0.31), '0.310'],
    [number(-9.8), '−9.80'],
    [number(57.84), '57.8'],
    [number(1234.4), '1234'],
    [number(1e-5), '1.00e−5'],
    [points(-0.025), '−2.5'],
    [points(0.011), '+1.1'],
    [points(-0.0001), '0.0'],
    [duration(640), '640 ms'],
    [duration(41_200), '41 s'],
    [duration(125_000), '2 min 5 s'],
    [duration(12_000_000), '3 h 20 min'],
    [duration(null), '–'],
    [shorten('héllo', 5), 'héllo'],
    [shorten('😀😀😀', 2), '😀…'],
  ])('%j is %j', (found, wanted) => {
    expect(plain(found)).toBe(wanted);
  });
});
