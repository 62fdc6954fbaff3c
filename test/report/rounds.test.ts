import { describe, expect, test } from 'vitest';
import type { RoundSummary } from '../../contracts/summary.ts';
import { renderReport } from '../../report/render-report.ts';
import { demoSummary } from './demo-summary.ts';

const round = (change: RoundSummary['change']): RoundSummary => ({
  fromCount: 7960,
  rowCount: 3083,
  macroAccuracy: change === null ? null : 0.612,
  change,
});
const page = (last: RoundSummary['change']): string =>
  renderReport({ ...demoSummary(3), rounds: [round(null), round(last)] }).replaceAll('\u00a0', ' ');

describe('the rounds of a selection', () => {
  test.each([
    [null, 'nothing is known of a plateau'],
    [{ difference: -0.004, interval: [-0.02, 0.01] }, 'a plateau, as far as these test rows tell'],
    [{ difference: -0.004, interval: null }, 'a plateau, as far as these test rows tell'],
    [{ difference: 0.03, interval: [0.01, 0.05] }, 'raised the score, on fewer rows'],
    [{ difference: -0.03, interval: [-0.05, -0.01] }, 'lowered the score'],
  ] satisfies [RoundSummary['change'], string][])('are told with what the last one has done: %j', (change, said) => {
    expect(page(change)).toContain(said);
    expect(page(change)).toContain('Round 2');
  });

  test('are no section of a run of one', () => {
    expect(renderReport(demoSummary(3))).not.toContain('id="rounds"');
  });
});
