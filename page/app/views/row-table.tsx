// Rows as a table of which only what is in sight is drawn.
import { useEffect, useId } from 'preact/hooks';
import type { RowLine, RowSort } from '../../api.ts';
import { count, number } from '../../../report/format.ts';
import { setValues } from '../data/place.ts';
import { useLines } from '../data/use-lines.ts';
import { useWidth } from '../data/use-width.ts';
import { nextSort } from '../logic/row-query.ts';
import { movedLine } from '../logic/row-window.ts';
import { ROW_STATE_WORDS } from '../logic/words.ts';
import { said } from '../parts/words.tsx';
import { useActivePlace } from './row-list.ts';
import type { RowListProps } from './row-list.ts';

/** Heights of a line, as in the style sheet; where it is narrow the text has a line of its own. */
const LINE_HEIGHTS = { wide: 34, middle: 34, narrow: 58 } as const;

/** Widths of the table from which it has all columns, or most. */
const WIDE_FROM = 1050;
const MIDDLE_FROM = 640;

const HEAD_HEIGHT = 36;

interface RowColumn {
  name: string;
  heading: string;
  sort: RowSort | null;
  cell: (row: RowLine) => string;
}

const COLUMNS: RowColumn[] = [
  { name: 'row', heading: 'Row', sort: 'row', cell: ({ rowIndex }) => count(rowIndex) },
  { name: 'state', heading: 'State', sort: null, cell: (row) => ROW_STATE_WORDS[row.state] },
  { name: 'task', heading: 'Task', sort: null, cell: ({ task }) => task ?? '–' },
  { name: 'value', heading: 'Value', sort: 'value', cell: ({ value }) => number(value) },
  { name: 'loss', heading: 'Loss', sort: 'loss', cell: ({ loss }) => number(loss) },
  { name: 'norm', heading: 'Norm', sort: 'norm', cell: ({ norm }) => number(norm) },
  { name: 'tokens', heading: 'Tokens', sort: 'tokens', cell: ({ tokens }) => count(tokens) },
  { name: 'copies', heading: 'Copies', sort: 'copies', cell: ({ copies }) => count(copies) },
  {
    name: 'text',
    heading: 'Question and answer',
    sort: null,
    cell: ({ question, answer, reason }) => [question, answer].filter(Boolean).join(' → ') || (reason ?? ''),
  },
];

/** A grid: arrows move, Enter opens, space chooses. */
export function RowTable(props: RowListProps): preact.JSX.Element {
  const { rows, isChosen, toggle, open, onOpen, onSeen, filter } = props;
  const total = rows.head?.total ?? 0;
  const [frame, width] = useWidth<HTMLDivElement>();
  const size = width === 0 || width >= WIDE_FROM ? 'wide' : width >= MIDDLE_FROM ? 'middle' : 'narrow';
  const lines = useLines(total, LINE_HEIGHTS[size], HEAD_HEIGHT);
  const id = useId();
  const first = lines.drawn[0]?.index ?? 0;
  const last = lines.drawn.at(-1)?.index ?? 0;
  useEffect(() => onSeen(first, last + 1), [first, last]);
  const { active, setActive, onKeyDown } = useActivePlace(
    props,
    (key, from) => movedLine(key, from, total, lines.seenCount),
    (place) => lines.show(place),
  );
  return (
    <div ref={frame} class={`row-grid ${size}`}>
      <div
        ref={lines.box}
        class="grid-box"
        role="grid"
        tabIndex={0}
        aria-label="rows; arrows move, Enter opens, space chooses"
        aria-rowcount={total + 1}
        aria-colcount={COLUMNS.length + 1}
        aria-activedescendant={`${id}-${active}`}
        onKeyDown={onKeyDown}
      >
        <div class="grid-line grid-head" role="row" aria-rowindex={1}>
          <span role="columnheader" class="cell-choose">
            <span class="visually-hidden">chosen</span>
          </span>
          {COLUMNS.map((column) => (
            <Heading key={column.name} column={column} filter={filter} />
          ))}
        </div>
        <div class="grid-height" role="rowgroup" style={{ height: `${lines.height}px` }}>
          {lines.drawn.map(({ index, top }) => {
            const row = rows.at(index);
            const marks = `${index === active ? ' active' : ''}${row !== null && row.rowIndex === open ? ' open' : ''}`;
            return (
              <div
                key={index}
                id={`${id}-${index}`}
                class={`grid-line${marks}`}
                role="row"
                aria-rowindex={index + 2}
                aria-selected={row !== null && isChosen(row.rowIndex)}
                style={{ transform: `translateY(${top}px)` }}
                onClick={() => {
                  setActive(index);
                  if (row !== null) onOpen(row.rowIndex);
                }}
              >
                <Cells row={row} isChosen={row !== null && isChosen(row.rowIndex)} toggle={toggle} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Heading({ column, filter }: { column: RowColumn; filter: RowListProps['filter'] }): preact.JSX.Element {
  const { name, heading, sort } = column;
  const isSorted = sort !== null && (filter.sort ?? 'row') === sort;
  const order = filter.descending === true ? 'descending' : 'ascending';
  return (
    <span role="columnheader" class={`cell-${name}`} aria-sort={isSorted ? order : 'none'}>
      {sort === null ? (
        heading
      ) : (
        <button type="button" class="sort" onClick={() => setValues(nextSort(filter, sort))}>
          {heading}
        </button>
      )}
    </span>
  );
}

interface CellsProps {
  row: RowLine | null;
  isChosen: boolean;
  toggle: (rowIndex: number) => void;
}

function Cells({ row, isChosen, toggle }: CellsProps): preact.JSX.Element {
  if (row === null)
    return (
      <span role="gridcell" class="cell-awaited">
        …
      </span>
    );
  return (
    <>
      <span role="gridcell" class="cell-choose">
        <input
          type="checkbox"
          tabIndex={-1}
          checked={isChosen}
          aria-label={`choose row ${row.rowIndex}`}
          onClick={(event) => event.stopPropagation()}
          onChange={() => toggle(row.rowIndex)}
        />
      </span>
      {COLUMNS.map(({ name, cell }) => (
        <span key={name} role="gridcell" class={`cell-${name}${name === 'state' ? ` row-${row.state}` : ''}`}>
          {said(cell(row))}
        </span>
      ))}
    </>
  );
}
