import { describe, expect, test } from 'vitest';
import { InvalidDatasetError } from '../../../contracts/failures.ts';
import type { Reason } from '../../../contracts/reasons.ts';
import { countWarnings, requireUsable } from '../../../dataset/rows/dataset-checks.ts';
import { LLAVA_PUBLISHED_COUNTS } from '../../../dataset/tasks/task-rules.ts';
import { datasetConfig } from '../small-folder.ts';

/** Checks a dataset of `rowCount` rows with those set aside. */
function check(
  rowCount: number,
  quarantined: Partial<Record<Reason, number>>,
  maxQuarantinedFraction = 0.02,
): () => void {
  const counts = new Map(Object.entries(quarantined) as [Reason, number][]);
  const badCount = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const dataset = datasetConfig(['mix.json'], { maxQuarantinedFraction, taskField: 'kind' });
  return () => requireUsable({ rowCount, usableCount: rowCount - badCount, quarantined: counts }, dataset);
}

describe('a dataset is refused', () => {
  test('where no row has a label and no rule gives one', () => {
    expect(check(100, { task_missing: 100 })).toThrow(
      new InvalidDatasetError(
        'dataset: rows must have "kind" or task_rules must be set, got neither; run tive data label, or set task_rules: llava-1.5, prefix, single or cluster',
      ),
    );
  });

  test('where no usable row remains, with the reasons, most first', () => {
    expect(check(2000, { role_order: 100, image_missing: 1900 }, 1)).toThrow(
      new InvalidDatasetError(
        'dataset: at least one usable row must remain, got 0 of 2,000 (1,900 image_missing, 100 role_order); check image_folder',
      ),
    );
  });

  test('where there is no row at all', () => {
    expect(check(0, {})).toThrow(
      new InvalidDatasetError(
        'dataset: at least one usable row must remain, got 0 of 0 (no rows); take a file with rows',
      ),
    );
  });

  test('where more rows are set aside than allowed, with the most frequent reason', () => {
    expect(check(665_298, { role_order: 600, image_missing: 40_000 })).toThrow(
      new InvalidDatasetError(
        'dataset: quarantined share must be at most 0.02, got 0.061 (40,600 of 665,298, mostly image_missing); ' +
          'check image_folder or raise max_quarantined_fraction',
      ),
    );
    expect(check(100, { answer_empty: 4, image_missing: 1 })).toThrow(
      new InvalidDatasetError(
        'dataset: quarantined share must be at most 0.02, got 0.05 (5 of 100, mostly answer_empty); ' +
          'fix the rows or raise max_quarantined_fraction',
      ),
    );
  });
});

describe('a dataset is taken', () => {
  test.each<[string, number, Partial<Record<Reason, number>>, number]>([
    ['without rows set aside', 10, {}, 0.02],
    ['with as many as allowed', 100, { answer_empty: 2 }, 0.02],
    ['with all but one, where that is allowed', 100, { image_missing: 99 }, 1],
    ['with some rows without a label', 100, { task_missing: 50 }, 0.5],
  ])('%s', (_, rowCount, quarantined, fraction) => {
    expect(check(rowCount, quarantined, fraction)).not.toThrow();
  });
});

describe('warnings of counts', () => {
  const published = new Map(Object.entries(LLAVA_PUBLISHED_COUNTS));

  test('are none for the published file', () => {
    expect(countWarnings(published)).toEqual([]);
  });

  test('name task, wanted and found count', () => {
    expect(countWarnings(new Map([...published, ['refcoco', 30_112]]))).toEqual([
      'task rules llava-1.5: refcoco must count 48,447, got 30,112; the file is not llava_v1_5_mix665k',
    ]);
  });

  test('begin at a difference of more than 0.5 %, either way', () => {
    // 0.5 % of 80,000 rows is 400.
    const warned = (count: number): boolean => countWarnings(new Map([...published, ['ocrvqa', count]])).length > 0;
    expect([79_599, 79_600, 80_400, 80_401].map(warned)).toEqual([true, false, false, true]);
  });

  test('name every task that is not there, and none that is not published', () => {
    const warnings = countWarnings(new Map([['other', 5]]));
    expect(warnings).toHaveLength(9);
    expect(warnings[0]).toBe(
      'task rules llava-1.5: sharegpt must count 40,688, got 0; the file is not llava_v1_5_mix665k',
    );
  });
});
