// Rows of a run by their place in a filtered, sorted list; pages are asked for as they come into sight.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { RowLine, RowPage } from '../../api.ts';
import { rowParameters } from '../logic/row-query.ts';
import type { RowFilter } from '../logic/row-query.ts';
import { PAGE_ROWS, keptPages, pagesOf } from '../logic/row-window.ts';
import { apiPath, get, sentenceOf } from './ask.ts';

/** Pages that are kept: 20,000 rows. */
const MOST_PAGES = 200;

/** Ask again this soon while a search in texts has not read all rows. */
const AGAIN_MS = 700;

/** What is known of the rows that a filter wants. */
export interface Rows {
  /** What the first page told; null until it came. */
  head: Omit<RowPage, 'rows'> | null;
  problem: string | null;
  /** The row at a place; null until it is read. */
  at(place: number): RowLine | null;
  /** Whether a row of an index is among those that were read. */
  has(rowIndex: number): boolean;
}

/** Rows [rowStart, rowEnd) are read, those around them kept. */
export function useRows(runName: string, filter: RowFilter, rowStart: number, rowEnd: number): Rows {
  const key = `${runName} ${rowParameters(filter, 0, 0)}`;
  const pages = useRef(new Map<number, RowLine[]>());
  const asked = useRef(new Set<number>());
  const [head, setHead] = useState<Rows['head']>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [round, setRound] = useState(0);
  const signal = useRef(new AbortController());
  useEffect(() => {
    pages.current = new Map();
    asked.current = new Set();
    signal.current = new AbortController();
    setProblem(null);
    return () => signal.current.abort();
  }, [key]);
  useEffect(() => {
    const { signal: ended } = signal.current;
    for (const page of pagesOf(rowStart, Math.max(rowEnd, rowStart + 1))) {
      if (asked.current.has(page)) continue;
      asked.current.add(page);
      const path = `${apiPath('runs', runName, 'rows')}?${rowParameters(filter, page * PAGE_ROWS, PAGE_ROWS)}`;
      get<RowPage>(path, ended).then(
        ({ rows, ...told }) => {
          if (ended.aborted) return;
          pages.current = keptPages(pages.current.set(page, rows), MOST_PAGES);
          asked.current = new Set([...asked.current].filter((each) => each === page || pages.current.has(each)));
          setHead(told);
        },
        (error: unknown) => {
          if (ended.aborted) return;
          asked.current.delete(page);
          setProblem(sentenceOf(error));
        },
      );
    }
  }, [key, rowStart, rowEnd, round]);
  useEffect(() => {
    if (head?.isPartial !== true) return undefined;
    const timer = setTimeout(() => {
      asked.current = new Set();
      setRound((last) => last + 1);
    }, AGAIN_MS);
    return () => clearTimeout(timer);
  }, [head]);
  return {
    head,
    problem,
    at: (place) => pages.current.get(Math.floor(place / PAGE_ROWS))?.[place % PAGE_ROWS] ?? null,
    has: (wanted) => [...pages.current.values()].some((page) => page.some(({ rowIndex }) => rowIndex === wanted)),
  };
}
