// Which rows are chosen, and how a question names them.
import { describe, expect, test } from 'vitest';
import {
  NONE_CHOSEN,
  allChosen,
  choiceIn,
  chosenCount,
  chosenRows,
  isChosen,
  toggled,
} from '../../../page/app/logic/row-choice.ts';

describe('rows that were picked', () => {
  const picked = [7, 3, 5, 3].reduce(toggled, NONE_CHOSEN);

  test('are those that were pressed an odd number of times', () => {
    expect([3, 5, 7].map((row) => isChosen(picked, row))).toEqual([false, true, true]);
    expect(chosenCount(picked, 665_298)).toBe(2);
    expect(chosenRows(picked)).toEqual({ rows: [5, 7] });
  });

  test('stay chosen in every list', () => {
    expect(choiceIn(picked, { task: 'ocr' })).toBe(picked);
  });

  test('are none at first', () => {
    expect(chosenRows(NONE_CHOSEN)).toEqual({ rows: null });
  });
});

describe('all rows of a list', () => {
  const all = allChosen({ task: 'ocr', leastLoss: 2 });

  test('are named by what the list asks, without those that were taken out', () => {
    const some = [9, 2].reduce(toggled, all);
    expect([2, 3, 9].map((row) => isChosen(some, row))).toEqual([false, true, false]);
    expect(chosenCount(some, 100)).toBe(98);
    expect(chosenRows(some)).toEqual({ rows: null, all: { filter: { task: 'ocr', leastLoss: 2 }, except: [2, 9] } });
    expect(JSON.stringify(chosenRows(allChosen({}))).length).toBeLessThan(60);
  });

  test('are none of another list, and all again of the same one', () => {
    expect(choiceIn(all, { task: 'ocr' })).toBe(NONE_CHOSEN);
    expect(choiceIn(all, { leastLoss: 2, task: 'ocr' })).toBe(all);
  });
});
