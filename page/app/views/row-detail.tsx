// Everything of one row, beside the list.
import { useEffect, useRef } from 'preact/hooks';
import type { NearRow, RowView } from '../../api.ts';
import { count, number, percent } from '../../../report/format.ts';
import { apiPath } from '../data/ask.ts';
import { route, setValues } from '../data/place.ts';
import { useAnswer } from '../data/use-answer.ts';
import { changed, linkTo } from '../logic/route.ts';
import { ROW_STATE_WORDS } from '../logic/words.ts';
import { Awaited, Facts, Wrong, said } from '../parts/words.tsx';

interface DetailProps {
  runName: string;
  rowIndex: number;
  /** Null where nobody knows: the row is not in the part of the list that was read. */
  isChosen: boolean | null;
  toggle: (rowIndex: number) => void;
}

/** Pictures, dialogue, values, why, nearest rows. Escape closes it. */
export function RowDetail({ runName, rowIndex, isChosen, toggle }: DetailProps): preact.JSX.Element {
  const { answer, problem } = useAnswer<RowView>(apiPath('runs', runName, 'rows', rowIndex));
  const heading = useRef<HTMLHeadingElement>(null);
  const row = answer?.rowIndex === rowIndex ? answer : null;
  useEffect(() => heading.current?.focus({ preventScroll: true }), [rowIndex]);
  return (
    <aside
      class="row-detail"
      aria-label={`row ${rowIndex}`}
      onKeyDown={({ key }) => {
        if (key === 'Escape') close();
      }}
    >
      <div class="detail-head">
        <h2 ref={heading} tabIndex={-1}>
          Row {count(rowIndex)}
        </h2>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
      <Wrong text={problem} />
      {row === null && problem === null ? <Awaited what="the row" /> : null}
      {row === null ? null : (
        <>
          <p class="why">
            <span class={`tag row-${row.state}`}>{ROW_STATE_WORDS[row.state]}</span> {said(row.why)}
          </p>
          {isChosen === null ? null : (
            <label class="choice">
              <input type="checkbox" checked={isChosen} onChange={() => toggle(rowIndex)} />
              <span>choose this row</span>
            </label>
          )}
          <Pictures runName={runName} row={row} />
          <Dialogue row={row} />
          <Values row={row} />
          <Nearest runName={runName} rowIndex={row.rowIndex} />
        </>
      )}
    </aside>
  );
}

function close(): void {
  setValues({ row: '' });
  document.querySelector<HTMLElement>('.grid-box')?.focus();
}

function Pictures({ runName, row: { rowIndex, pictureCount } }: { runName: string; row: RowView }) {
  if (pictureCount === 0) return null;
  return (
    <div class="pictures">
      {Array.from({ length: pictureCount }, (_, index) => (
        <img
          key={`${rowIndex} ${index}`}
          src={`${apiPath('runs', runName, 'rows', rowIndex, 'pictures', index)}?edge=768`}
          alt={pictureCount === 1 ? `picture of row ${rowIndex}` : `picture ${index + 1} of row ${rowIndex}`}
        />
      ))}
    </div>
  );
}

function Dialogue({ row: { turns } }: { row: RowView }): preact.JSX.Element {
  return (
    <ol class="dialogue" aria-label="dialogue">
      {turns.map(({ role, text }, index) => (
        <li key={index} class={role === 'assistant' || role === 'gpt' ? 'answer' : 'question'}>
          <b>{said(role)}</b>
          <p>{said(text)}</p>
        </li>
      ))}
    </ol>
  );
}

function Values({ row }: { row: RowView }): preact.JSX.Element {
  const rank =
    row.rank === null || row.taskRowCount === null ? '' : `${count(row.rank + 1)} of ${count(row.taskRowCount)}`;
  return (
    <Facts
      facts={[
        ['task', said(row.task ?? '')],
        ['id', said(row.id ?? '')],
        ['value', number(row.value)],
        ['rank in the task', rank],
        ['probability', row.probability === null ? '' : percent(row.probability, 3)],
        ['copies', count(row.copies)],
        ['loss', number(row.loss)],
        ['gradient norm', number(row.norm)],
        ['EL2N', number(row.el2n)],
        ['tokens', count(row.tokens)],
        ['reason', said(row.reason ?? '')],
        ['read from', said(row.source)],
      ]}
    />
  );
}

function Nearest({ runName, rowIndex }: { runName: string; rowIndex: number }): preact.JSX.Element | null {
  const { answer, problem, isAwaited } = useAnswer<NearRow[]>(apiPath('runs', runName, 'rows', rowIndex, 'nearest'));
  const link = (other: number): string =>
    linkTo({ view: 'rows', runName }, changed(route.value.values, { row: String(other) }));
  if (!isAwaited && problem === null && answer?.length === 0) return null;
  return (
    <>
      <h3>Nearest by gradient</h3>
      <Wrong text={problem} />
      {isAwaited ? <Awaited what="the gradients" /> : null}
      {isAwaited || answer === null ? null : (
        <ul class="nearest">
          {answer.map(({ rowIndex: other, task, cosine }) => (
            <li key={other}>
              <a href={link(other)}>row {count(other)}</a> <span>{said(task ?? '')}</span>{' '}
              <span class="quiet">cosine {number(cosine)}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
