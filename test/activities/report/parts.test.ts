import { describe, expect, test } from 'vitest';
import { bootstrapAccuracies } from '../../../activities/report/evaluation-summary.ts';
import type { Outcomes } from '../../../activities/report/evaluation-summary.ts';
import { csvText } from '../../../activities/report/files.ts';
import { mean, standardDeviation } from '../../../algorithms/statistics.ts';

const outcomes = (tasks: Record<string, number[]>): Outcomes =>
  new Map(Object.entries(tasks).map(([task, rows]) => [task, Uint8Array.from(rows)]));
const ones = (count: number, right: number): number[] => Array.from({ length: count }, (_, row) => Number(row < right));

describe('csvText', () => {
  test.each([
    ['gqa', 'gqa'],
    ['=HYPERLINK("x")', `"'=HYPERLINK(""x"")"`],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@sum', "'@sum"],
    ['\tx', "'\tx"],
    ['\r=x', `"'\r=x"`],
    ['a,b', '"a,b"'],
    ['a\nb', '"a\nb"'],
    ['a=b', 'a=b'],
    ['', ''],
  ])('%j becomes the cell %j', (text, cell) => {
    expect(csvText(text)).toBe(cell);
  });
});

describe('bootstrapAccuracies', () => {
  test('spreads as the mean over tasks of binomial shares does', () => {
    const [accuracies] = bootstrapAccuracies([outcomes({ a: ones(100, 30), b: ones(50, 40) })], 1)!;
    // mean (0.3 + 0.8)/2; variance (0.3·0.7/100 + 0.8·0.2/50)/4
    expect([mean(accuracies!)]).toBeAllclose([0.55], { rtol: 0, atol: 0.004 });
    expect([standardDeviation(accuracies!)]).toBeAllclose([Math.sqrt((0.21 / 100 + 0.16 / 50) / 4)], {
      rtol: 0.08,
      atol: 0,
    });
  });

  test('is paired: equal models never differ in a resample', () => {
    const model = outcomes({ a: ones(40, 13), b: ones(20, 7) });
    const [left, right] = bootstrapAccuracies([model, model], 3)!;
    expect(left).toEqual(right);
    expect(standardDeviation(left!)).toBeGreaterThan(0.01);
  });

  test('gives the same numbers for the same seed, others for another', () => {
    const model = [outcomes({ a: ones(40, 13) })];
    expect(bootstrapAccuracies(model, 3)).toEqual(bootstrapAccuracies(model, 3));
    expect(bootstrapAccuracies(model, 4)).not.toEqual(bootstrapAccuracies(model, 3));
  });

  test('gives none for few rows or a task of one row, where it would look too sure', () => {
    expect(bootstrapAccuracies([outcomes({ a: ones(29, 10) })], 1)).toBeNull();
    expect(bootstrapAccuracies([outcomes({ a: ones(40, 10), b: [1] })], 1)).toBeNull();
    expect(bootstrapAccuracies([], 1)).toBeNull();
  });

  test('refuses models that were tested on other rows', () => {
    expect(() => bootstrapAccuracies([outcomes({ a: ones(40, 10) }), outcomes({ a: ones(39, 10) })], 1)).toThrow(
      'report: all models must be tested on the same rows, got a 40 and a 39',
    );
  });
});
