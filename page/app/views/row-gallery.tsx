// Rows as cards with their first picture; only what is in sight is drawn.
import { useEffect } from 'preact/hooks';
import type { RowLine } from '../../api.ts';
import { count, number } from '../../../report/format.ts';
import { apiPath } from '../data/ask.ts';
import { useLines } from '../data/use-lines.ts';
import { useWidth } from '../data/use-width.ts';
import { ROW_STATE_WORDS } from '../logic/words.ts';
import { said } from '../parts/words.tsx';
import type { RowListProps } from './row-list.ts';

const CARD_WIDTH = 220;
const CARD_HEIGHT = 292;

/** As many cards a line as fit. */
export function RowGallery(props: RowListProps): preact.JSX.Element {
  const { rows, onSeen, listKey } = props;
  const [frame, width] = useWidth<HTMLDivElement>();
  const total = rows.head?.total ?? 0;
  const perLine = Math.max(1, Math.floor(width / CARD_WIDTH));
  const lines = useLines(Math.ceil(total / perLine), CARD_HEIGHT);
  const first = (lines.drawn[0]?.index ?? 0) * perLine;
  const end = Math.min(total, ((lines.drawn.at(-1)?.index ?? 0) + 1) * perLine);
  useEffect(() => onSeen(first, end), [first, end]);
  useEffect(() => lines.show(0), [listKey]);
  return (
    <div ref={frame} class="gallery-frame">
      <div ref={lines.box} class="grid-box" tabIndex={0} role="list" aria-label="rows as pictures">
        <div class="grid-height" role="presentation" style={{ height: `${lines.height}px` }}>
          {lines.drawn.map(({ index, top }) => (
            <div key={index} class="gallery-line" role="presentation" style={{ transform: `translateY(${top}px)` }}>
              {Array.from({ length: Math.min(perLine, total - index * perLine) }, (_, place) => (
                <Card key={place} row={rows.at(index * perLine + place)} {...props} />
              ))}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

function Card({ row, runName, isChosen, toggle, open, onOpen }: RowListProps & { row: RowLine | null }) {
  if (row === null)
    return (
      <div class="row-card" role="listitem">
        …
      </div>
    );
  const { rowIndex, state, pictureCount, question, answer, task, value } = row;
  return (
    <div class={`row-card${rowIndex === open ? ' open' : ''}`} role="listitem">
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
          checked={isChosen(rowIndex)}
          aria-label={`choose row ${rowIndex}`}
          onChange={() => toggle(rowIndex)}
        />
        <button type="button" class="plain" onClick={() => onOpen(rowIndex)}>
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
