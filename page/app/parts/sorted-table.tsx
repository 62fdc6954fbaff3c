// A table whose headings sort it.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

/** A column: what a cell shows, and what it is sorted by; without that the heading does not sort. */
export interface Column<Line> {
  heading: string;
  isNumber?: boolean;
  /** The cell that names its line. */
  isName?: boolean;
  cell: (line: Line) => ComponentChildren;
  sortBy?: (line: Line) => number | string | null;
  /** Left out on narrow screens. */
  isWide?: boolean;
}

interface TableProps<Line> {
  caption: string;
  columns: Column<Line>[];
  lines: readonly Line[];
  keyOf: (line: Line) => string | number;
  /** Lines that are shown before all are asked for. */
  most?: number;
}

/** Lines sorted by a column's numbers or words; those without one last. */
export function SortedTable<Line>({ caption, columns, lines, keyOf, most = 60 }: TableProps<Line>) {
  const [sorted, setSorted] = useState<{ column: number; isDescending: boolean } | null>(null);
  const [isWhole, setWhole] = useState(false);
  const by = sorted === null ? undefined : columns[sorted.column]?.sortBy;
  const order = by === undefined ? [...lines] : [...lines].sort((left, right) => compare(by(left), by(right)));
  if (sorted?.isDescending) order.reverse();
  const shown = isWhole ? order : order.slice(0, most);
  const press = (column: number): void =>
    setSorted((last) => ({ column, isDescending: last?.column === column ? !last.isDescending : true }));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ heading, isNumber, isWide, sortBy }, index) => (
              <th
                key={heading}
                scope="col"
                class={classes(isNumber, isWide)}
                aria-sort={sorted?.column !== index ? 'none' : sorted.isDescending ? 'descending' : 'ascending'}
              >
                {sortBy === undefined ? (
                  heading
                ) : (
                  <button type="button" class="sort" onClick={() => press(index)}>
                    {heading}
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((line) => (
            <tr key={keyOf(line)}>
              {columns.map(({ heading, isNumber, isName, isWide, cell }) =>
                isName ? (
                  <th key={heading} scope="row">
                    {cell(line)}
                  </th>
                ) : (
                  <td key={heading} class={classes(isNumber, isWide)}>
                    {cell(line)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < order.length ? (
        <button type="button" onClick={() => setWhole(true)}>
          Show all {order.length}
        </button>
      ) : null}
    </div>
  );
}

function classes(isNumber = false, isWide = false): string {
  return `${isNumber ? 'number' : ''}${isWide ? ' only-wide' : ''}`.trim();
}

function compare(left: number | string | null, right: number | string | null): number {
  if (left === null || right === null) return left === right ? 0 : left === null ? -1 : 1;
  return left < right ? -1 : left > right ? 1 : 0;
}
