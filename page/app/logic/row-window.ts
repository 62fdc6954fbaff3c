// Which part of a long list is on the screen, and which pages of it are asked for.

/** Rows that are asked for at once. */
export const PAGE_ROWS = 100;

/** The tallest thing that every browser lays out right, in pixels; Firefox stops near 17.8 million. */
export const MOST_PIXELS = 10_000_000;

/**
 * How many pixels of the list a pixel of the scroll bar stands for: 1 while the list is no taller than
 * {@link MOST_PIXELS}. Both ends are reached: of the scroll range, which is the height less the window.
 */
export function scrollFactor(lineCount: number, lineHeight: number, windowHeight: number): number {
  const height = lineCount * lineHeight;
  if (height <= MOST_PIXELS || MOST_PIXELS <= windowHeight) return 1;
  return (height - windowHeight) / (MOST_PIXELS - windowHeight);
}

/** Pages, counted from 0, that hold the rows [rowStart, rowEnd) of a list. */
export function pagesOf(rowStart: number, rowEnd: number): number[] {
  if (rowEnd <= rowStart) return [];
  const first = Math.floor(rowStart / PAGE_ROWS);
  const last = Math.floor((rowEnd - 1) / PAGE_ROWS);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Pages to keep of those that were read, the latest used last: as many as are allowed, dropped from the front. */
export function keptPages<Page>(pages: ReadonlyMap<number, Page>, most: number): Map<number, Page> {
  return new Map([...pages].slice(Math.max(0, pages.size - most)));
}

/** Where the active line goes by a key; null for a key that moves nothing. */
export function movedLine(key: string, active: number, lineCount: number, pageLines: number): number | null {
  const moves: Readonly<Record<string, number>> = {
    ArrowDown: active + 1,
    ArrowUp: active - 1,
    PageDown: active + pageLines,
    PageUp: active - pageLines,
    Home: 0,
    End: lineCount - 1,
  };
  const moved = Object.hasOwn(moves, key) ? moves[key]! : null;
  return moved === null || lineCount === 0 ? null : Math.min(lineCount - 1, Math.max(0, moved));
}

/** Where the active card goes by a key, of cards that stand `perLine` in a line; null for a key that moves nothing. */
export function movedCard(
  key: string,
  active: number,
  cardCount: number,
  perLine: number,
  seenLines: number,
): number | null {
  const moves: Readonly<Record<string, number>> = {
    ArrowRight: active + 1,
    ArrowLeft: active - 1,
    ArrowDown: active + perLine,
    ArrowUp: active < perLine ? active : active - perLine,
  };
  const moved = Object.hasOwn(moves, key) ? moves[key]! : movedLine(key, active, cardCount, perLine * seenLines);
  return moved === null || cardCount === 0 ? null : Math.min(cardCount - 1, Math.max(0, moved));
}
