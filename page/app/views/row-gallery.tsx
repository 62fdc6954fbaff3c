// Rows as cards with their first picture; only what is in sight is drawn.
import { useEffect, useId } from 'preact/hooks';
import type { RowLine } from '../../api.ts';
import { count, number } from '../../../report/format.ts';
import { apiPath } from '../data/ask.ts';
import { useLines } from '../data/use-lines.ts';
import { useWidth } from '../data/use-width.ts';
import { movedCard } from '../logic/row-window.ts';
import { ROW_STATE_WORDS } from '../logic/words.ts';
import { said } from '../parts/words.tsx';
import { useActivePlace } from './row-list.ts';
import type { RowListProps } from './row-list.ts';

const CARD_WIDTH = 220;
const CARD_HEIGHT = 292;

/** As many cards a line as fit: a grid in which arrows move, Enter opens, space chooses. */
export function RowGallery(props: RowListProps): preact.JSX.Element {
  const { rows, onSeen } = props;
  const [frame, width] = useWidth<HTMLDivElement>();
  const total = rows.head?.total ?? 0;
  const perLine = Math.max(1, Math.floor(width / CARD_WIDTH));
  const lines = useLines(Math.ceil(total / perLine), CARD_HEIGHT);
  const first = (lines.drawn[0]?.index ?? 0) * perLine;
  const end = Math.min(total, ((lines.drawn.at(-1)?.index ?? 0) + 1) * perLine);
  useEffect(() => onSeen(first, end), [first, end]);
  const id = useId();
  const { active, setActive, onKeyDown } = useActivePlace(
    props,
    (key, from) => movedCard(key, from, total, perLine, lines.seenCount),
    (place) => lines.show(Math.floor(place / perLine)),
  );
  return (
    <div ref={frame} class="gallery-frame">
      <div
        ref={lines.box}
        class="grid-box"
        role="grid"
        tabIndex={0}
        aria-label="rows as pictures; arrows move, Enter opens, space chooses"
        aria-rowcount={Math.ceil(total / perLine)}
        aria-activedescendant={`${id}-${active}`}
        onKeyDown={onKeyDown}
      >
        <div class="grid-height" role="rowgroup" style={{ height: `${lines.height}px` }}>
          {lines.drawn.map(({ index, top }) => (
            <div
              key={index}
              class="gallery-line"
              role="row"
              aria-rowindex={index + 1}
              style={{ transform: `translateY(${top}px)` }}
            >
              {Array.from({ length: Math.min(perLine, total - index * perLine) }, (_, column) => {
                const place = index * perLine + column;
                return (
                  <Card
                    key={column}
                    id={`${id}-${place}`}
                    row={rows.at(place)}
                    isActive={place === active}
                    activate={() => setActive(place)}
                    {...props}
                  />
                );
              })}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

interface CardProps extends Omit<RowListProps, 'rows'> {
  id: string;
  row: RowLine | null;
  isActive: boolean;
  activate: () => void;
}

/** Its controls are for the pointer: keys go to the grid, which is as long as the list and drawn in part. */
function Card({ id, row, isActive, activate, runName, isChosen, toggle, open, onOpen }: CardProps) {
  const marks = `${isActive ? ' active' : ''}${row !== null && row.rowIndex === open ? ' open' : ''}`;
  if (row === null)
    return (
      <div id={id} class={`row-card${marks}`} role="gridcell">
        …
      </div>
    );
  const { rowIndex, state, pictureCount, question, answer, task, value } = row;
  return (
    <div id={id} class={`row-card${marks}`} role="gridcell" aria-selected={isChosen(rowIndex)} onClick={activate}>
      {pictureCount === 0 ? (
        <span class="no-picture">no picture</span>
      ) : (
        <img
          src={`${apiPath('runs', runName, 'rows', rowIndex, 'pictures', 0)}?edge=256`}
          alt={`picture of row ${rowIndex}`}
          loading="lazy"
          decoding="async"
        />
      )}
      <p class="card-head">
        <input
          type="checkbox"
          tabIndex={-1}
          checked={isChosen(rowIndex)}
          aria-label={`choose row ${rowIndex}`}
          onChange={() => toggle(rowIndex)}
        />
        <button type="button" class="plain" tabIndex={-1} onClick={() => onOpen(rowIndex)}>
          row {count(rowIndex)}
        </button>
        <span class={`tag row-${state}`}>{ROW_STATE_WORDS[state]}</span>
      </p>
      <p class="quiet one-line">
        {said(task ?? '–')}
        {value === null ? '' : ` · ${number(value)}`}
      </p>
      <p class="two-lines">{said(question ?? '')}</p>
      <p class="one-line">
        <b>{said(answer ?? '')}</b>
      </p>
    </div>
  );
}
