// The lines of a long list that are on the screen.
import { Virtualizer, observeElementOffset, observeElementRect } from '@tanstack/virtual-core';
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { MOST_PIXELS, scrollFactor } from '../logic/row-window.ts';

/** A line that is drawn, and how far below the top of the list's box, in pixels. */
export interface DrawnLine {
  index: number;
  top: number;
}

/** A list of which the lines in sight are drawn. */
export interface Lines {
  /** To put at the element that scrolls. */
  box: RefObject<HTMLDivElement | null>;
  drawn: DrawnLine[];
  /** Height of what scrolls, in pixels. */
  height: number;
  /** Whole lines that are seen at once. */
  seenCount: number;
  /** Brings a line into sight. */
  show(index: number): void;
}

/**
 * Lines of one height. A list that is taller than browsers lay out is scrolled by more than a pixel for each of the
 * scroll bar's, see `scrollFactor`. A head of `headHeight` pixels may stick to the top of the box.
 */
export function useLines(count: number, lineHeight: number, headHeight = 0): Lines {
  const box = useRef<HTMLDivElement>(null);
  const [, setTick] = useState(0);
  const factor = useRef(1);
  const [virtual] = useState(() => new Virtualizer<HTMLDivElement, HTMLDivElement>(options()));
  function options(): ConstructorParameters<typeof Virtualizer<HTMLDivElement, HTMLDivElement>>[0] {
    return {
      count,
      overscan: 8,
      getScrollElement: () => box.current,
      estimateSize: () => lineHeight,
      observeElementRect,
      observeElementOffset: (instance, tell) =>
        observeElementOffset(instance, (offset, isScrolling) => tell(offset * factor.current, isScrolling)),
      scrollToFn: (offset) => {
        if (box.current !== null) box.current.scrollTop = offset / factor.current;
      },
      onChange: () => setTick((tick) => tick + 1),
    };
  }
  const windowHeight = Math.max(0, (virtual.scrollRect?.height ?? 0) - headHeight);
  factor.current = scrollFactor(count, lineHeight, windowHeight);
  virtual.setOptions(options());
  useLayoutEffect(() => virtual._didMount(), [virtual]);
  useLayoutEffect(() => virtual._willUpdate());
  useLayoutEffect(() => virtual.measure(), [virtual, lineHeight]);
  const scrolled = box.current?.scrollTop ?? 0;
  const hidden = scrolled * factor.current - scrolled;
  return {
    box,
    drawn: virtual.getVirtualItems().map(({ index, start }) => ({ index, top: start - hidden })),
    height: Math.min(count * lineHeight, Math.max(MOST_PIXELS, windowHeight)),
    seenCount: Math.max(1, Math.floor(windowHeight / lineHeight)),
    show(index) {
      if (box.current === null) return;
      const [top, first] = [index * lineHeight, box.current.scrollTop * factor.current];
      // The height as it is now: before the first measurement there is none.
      const seen = box.current.clientHeight - headHeight;
      if (top < first) box.current.scrollTop = top / factor.current;
      else if (top + lineHeight > first + seen) box.current.scrollTop = (top + lineHeight - seen) / factor.current;
    },
  };
}
