// Which part of a long list is on the screen.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  MOST_PIXELS,
  PAGE_ROWS,
  keptPages,
  movedCard,
  movedLine,
  pagesOf,
  scrollFactor,
} from '../../../page/app/logic/row-window.ts';

test('a list that browsers lay out is scrolled pixel by pixel', () => {
  expect(scrollFactor(1000, 34, 600)).toBe(1);
  expect(scrollFactor(0, 34, 600)).toBe(1);
});

test('the end of the scroll bar is the end of the list, whatever its length', () => {
  fc.assert(
    fc.property(fc.integer({ min: 300_000, max: 1e9 }), fc.integer({ min: 0, max: 3000 }), (count, windowHeight) => {
      const factor = scrollFactor(count, 34, windowHeight);
      const end = (MOST_PIXELS - windowHeight) * factor;
      expect(Math.abs(end - (count * 34 - windowHeight))).toBeLessThan(1e-3);
    }),
  );
});

test('the pages of a stretch hold all its rows and no page is idle', () => {
  fc.assert(
    fc.property(fc.nat(100_000), fc.nat(1000), (rowStart, length) => {
      const pages = pagesOf(rowStart, rowStart + length);
      const wanted = new Set(Array.from({ length }, (_, index) => Math.floor((rowStart + index) / PAGE_ROWS)));
      expect(pages).toEqual([...wanted]);
    }),
  );
});

test('the pages read last are kept', () => {
  const pages = new Map([3, 1, 2].map((page) => [page, `${page}`]));
  expect([...keptPages(pages, 2).keys()]).toEqual([1, 2]);
  expect([...keptPages(pages, 9).keys()]).toEqual([3, 1, 2]);
});

test('keys move the active line and stop at the ends', () => {
  expect(movedLine('ArrowDown', 4, 10, 5)).toBe(5);
  expect(movedLine('ArrowUp', 0, 10, 5)).toBe(0);
  expect(movedLine('PageDown', 7, 10, 5)).toBe(9);
  expect(movedLine('Home', 7, 10, 5)).toBe(0);
  expect(movedLine('End', 0, 665_298, 5)).toBe(665_297);
  expect(movedLine('a', 7, 10, 5)).toBeNull();
  expect(movedLine('toString', 7, 10, 5)).toBeNull();
  expect(movedLine('End', 0, 0, 5)).toBeNull();
});

test('keys move the active card along its line, from line to line, and stop at the ends', () => {
  expect(movedCard('ArrowRight', 4, 11, 3, 2)).toBe(5);
  expect(movedCard('ArrowLeft', 0, 11, 3, 2)).toBe(0);
  expect(movedCard('ArrowDown', 4, 11, 3, 2)).toBe(7);
  expect(movedCard('ArrowDown', 9, 11, 3, 2)).toBe(10);
  expect(movedCard('ArrowUp', 2, 11, 3, 2)).toBe(2);
  expect(movedCard('PageDown', 1, 11, 3, 2)).toBe(7);
  expect(movedCard('End', 1, 665_298, 3, 2)).toBe(665_297);
  expect(movedCard('a', 1, 11, 3, 2)).toBeNull();
  expect(movedCard('ArrowRight', 0, 0, 3, 2)).toBeNull();
});
