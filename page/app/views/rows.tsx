// The rows of a run: filters, a table or a gallery, one row beside, rows to choose.
import { useEffect, useState } from 'preact/hooks';
import { count } from '../../../report/format.ts';
import { route, setValues } from '../data/place.ts';
import { useMedia } from '../data/use-media.ts';
import { useRows } from '../data/use-rows.ts';
import { NONE_CHOSEN, allChosen, choiceIn, isChosen, toggled } from '../logic/row-choice.ts';
import { conditionsOf, rowFilter } from '../logic/row-query.ts';
import { RunHead } from '../parts/run-head.tsx';
import { Awaited, Nothing, Wrong } from '../parts/words.tsx';
import { ChosenPanel } from './chosen-panel.tsx';
import { RowDetail } from './row-detail.tsx';
import { RowFilters } from './row-filters.tsx';
import { RowGallery } from './row-gallery.tsx';
import { RowTable } from './row-table.tsx';
import type { Rows } from '../data/use-rows.ts';

/** As in the style sheet of sizes. */
const ROW_ABOVE = '(max-width: 1100px)';

/** Rows as the address says. */
export function RowsView({ runName }: { runName: string }): preact.JSX.Element {
  const { values } = route.value;
  const filter = rowFilter(values);
  const [seen, setSeen] = useState<[number, number]>([0, 60]);
  const rows = useRows(runName, filter, seen[0], seen[1]);
  const conditions = conditionsOf(filter);
  const [last, setChoice] = useState(NONE_CHOSEN);
  useEffect(() => setChoice(NONE_CHOSEN), [runName]);
  const choice = choiceIn(last, conditions);
  const toggle = (rowIndex: number): void => setChoice((now) => toggled(choiceIn(now, conditions), rowIndex));
  const open = /^\d+$/.test(values['row'] ?? '') ? Number(values['row']) : null;
  const shared = {
    runName,
    rows,
    filter,
    isChosen: (rowIndex: number) => isChosen(choice, rowIndex),
    toggle,
    open,
    onSeen: (start: number, end: number) =>
      setSeen((last) => (last[0] === start && last[1] === end ? last : [start, end])),
    onOpen: (rowIndex: number) => setValues({ row: String(rowIndex) }, open === null),
    listKey: JSON.stringify([runName, filter]),
  };
  const detail =
    open === null ? null : (
      <RowDetail
        key="detail"
        runName={runName}
        rowIndex={open}
        isChosen={choice.all === null || rows.has(open) ? isChosen(choice, open) : null}
        toggle={toggle}
      />
    );
  // Where there is no room beside the list the row is above it: for eyes, keys and readers alike.
  const isNarrow = useMedia(ROW_ABOVE);
  const list =
    values['show'] === 'gallery' ? <RowGallery key="gallery" {...shared} /> : <RowTable key="table" {...shared} />;
  return (
    <div class="rows-view">
      <RunHead runName={runName} view="rows" />
      <RowFilters head={rows.head} values={values} />
      <Wrong text={rows.problem} />
      <Bar
        head={rows.head}
        isGallery={values['show'] === 'gallery'}
        isAll={choice.all !== null && choice.rows.size === 0}
        chooseAll={() => setChoice(allChosen(conditions))}
      />
      <ChosenPanel
        runName={runName}
        choice={choice}
        total={rows.head?.total ?? 0}
        clear={() => setChoice(NONE_CHOSEN)}
      />
      {rows.head === null && rows.problem === null ? <Awaited what="the rows" /> : null}
      {rows.head?.total === 0 && !rows.head.isPartial ? (
        rows.head.all === 0 ? (
          <Nothing
            text="No row was read yet. The rows are there once the stage dataset is done:"
            command={`tive status ${runName}`}
          />
        ) : (
          <Nothing text="No row is like that. Take a filter away to see others." />
        )
      ) : null}
      {rows.head === null || rows.head.total === 0 ? null : (
        <div class={open === null ? 'rows-area' : 'rows-area with-detail'}>
          {isNarrow ? [detail, list] : [list, detail]}
        </div>
      )}
      {rows.head?.total === 0 ? detail : null}
    </div>
  );
}

interface BarProps {
  head: Rows['head'];
  isGallery: boolean;
  /** All rows of the list are chosen. */
  isAll: boolean;
  chooseAll: () => void;
}

/** How many rows the list has, all of them to choose once it is known which they are, and how they are shown. */
function Bar({ head, isGallery, isAll, chooseAll }: BarProps): preact.JSX.Element {
  return (
    <div class="rows-bar">
      <div class="buttons">
        <p role="status">{head === null ? '' : totalWords(head)}</p>
        {head === null || head.total === 0 ? null : (
          <button type="button" disabled={isAll || head.isPartial} onClick={chooseAll}>
            Choose all {count(head.total)}
          </button>
        )}
      </div>
      <div class="buttons" role="group" aria-label="how rows are shown">
        {(['table', 'gallery'] as const).map((show) => (
          <button
            key={show}
            type="button"
            aria-pressed={isGallery === (show === 'gallery')}
            onClick={() => setValues({ show: show === 'table' ? '' : show })}
          >
            {show === 'table' ? 'Table' : 'Gallery'}
          </button>
        ))}
      </div>
    </div>
  );
}

function totalWords(head: NonNullable<Rows['head']>): string {
  const of = head.total === head.all ? `${count(head.all)} rows` : `${count(head.total)} of ${count(head.all)} rows`;
  return head.isPartial ? `${of} so far; still reading texts …` : of;
}
