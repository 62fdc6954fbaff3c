// The rows of a run: filters, a table or a gallery, one row beside, rows to export.
import { useEffect, useState } from 'preact/hooks';
import { count } from '../../../report/format.ts';
import { route, setValues } from '../data/place.ts';
import { useRows } from '../data/use-rows.ts';
import { ROW_FILTERS, RANGES, filterCount, rowFilter, ROW_STATES } from '../logic/row-query.ts';
import { ROW_STATE_WORDS } from '../logic/words.ts';
import { ChoiceField, TextField } from '../parts/field.tsx';
import { RunHead } from '../parts/run-head.tsx';
import { Awaited, Nothing, Wrong } from '../parts/words.tsx';
import { ExportPanel } from './export-panel.tsx';
import { RowDetail } from './row-detail.tsx';
import { RowGallery } from './row-gallery.tsx';
import { RowTable } from './row-table.tsx';
import type { Rows } from '../data/use-rows.ts';

/** Rows as the address says. */
export function RowsView({ runName }: { runName: string }): preact.JSX.Element {
  const { values } = route.value;
  const filter = rowFilter(values);
  const [seen, setSeen] = useState<[number, number]>([0, 60]);
  const rows = useRows(runName, filter, seen[0], seen[1]);
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  useEffect(() => setChosen(new Set()), [runName]);
  const toggle = (rowIndex: number): void =>
    setChosen((last) => {
      const next = new Set(last);
      if (!next.delete(rowIndex)) next.add(rowIndex);
      return next;
    });
  const open = /^\d+$/.test(values['row'] ?? '') ? Number(values['row']) : null;
  const shared = {
    runName,
    rows,
    filter,
    chosen,
    toggle,
    open,
    onSeen: (start: number, end: number) =>
      setSeen((last) => (last[0] === start && last[1] === end ? last : [start, end])),
    onOpen: (rowIndex: number) => setValues({ row: String(rowIndex) }, open === null),
    listKey: JSON.stringify([runName, filter]),
  };
  return (
    <div class="rows-view">
      <RunHead runName={runName} view="rows" />
      <Filters rows={rows} values={values} />
      <Wrong text={rows.problem} />
      <div class="rows-bar">
        <p role="status">{totalWords(rows)}</p>
        <div class="buttons" role="group" aria-label="how rows are shown">
          {(['table', 'gallery'] as const).map((show) => (
            <button
              key={show}
              type="button"
              aria-pressed={(values['show'] === 'gallery') === (show === 'gallery')}
              onClick={() => setValues({ show: show === 'table' ? '' : show })}
            >
              {show === 'table' ? 'Table' : 'Gallery'}
            </button>
          ))}
        </div>
      </div>
      <ExportPanel runName={runName} chosen={chosen} clear={() => setChosen(new Set())} />
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
          {values['show'] === 'gallery' ? <RowGallery {...shared} /> : <RowTable {...shared} />}
          {open === null ? null : <RowDetail runName={runName} rowIndex={open} chosen={chosen} toggle={toggle} />}
        </div>
      )}
      {rows.head?.total === 0 && open !== null ? (
        <RowDetail runName={runName} rowIndex={open} chosen={chosen} toggle={toggle} />
      ) : null}
    </div>
  );
}

function totalWords({ head }: Rows): string {
  if (head === null) return '';
  const of = head.total === head.all ? `${count(head.all)} rows` : `${count(head.total)} of ${count(head.all)} rows`;
  return head.isPartial ? `${of} so far; still reading texts …` : of;
}

interface FiltersProps {
  rows: Rows;
  values: Readonly<Record<string, string>>;
}

function Filters({ rows: { head }, values }: FiltersProps): preact.JSX.Element {
  const set = filterCount(values);
  const all = { value: '', label: 'all' };
  const known = (name: 'task' | 'reason', options: { value: string; label: string }[]) =>
    values[name] === undefined || options.some(({ value }) => value === values[name])
      ? [all, ...options]
      : [all, { value: values[name], label: values[name] }, ...options];
  const tasks = (head?.tasks ?? []).map(({ task, count: n }) => ({ value: task, label: `${task} (${count(n)})` }));
  const reasons = (head?.reasons ?? []).map((each) => ({
    value: each.reason,
    label: `${each.reason} (${count(each.count)})`,
  }));
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()} role="search" aria-label="rows">
      <TextField
        label="Text"
        isSearch
        placeholder="in questions and answers"
        value={values['text'] ?? ''}
        onValue={(text) => setValues({ text })}
      />
      <ChoiceField
        label="Task"
        value={values['task'] ?? ''}
        onValue={(task) => setValues({ task }, true)}
        options={known('task', tasks)}
      />
      <ChoiceField
        label="State"
        value={values['state'] ?? ''}
        onValue={(state) => setValues({ state }, true)}
        options={[all, ...ROW_STATES.map((state) => ({ value: state, label: ROW_STATE_WORDS[state] }))]}
      />
      <ChoiceField
        label="Reason"
        value={values['reason'] ?? ''}
        onValue={(reason) => setValues({ reason }, true)}
        options={known('reason', reasons)}
      />
      <details class="ranges" open={RANGES.some(({ least, most }) => values[least] || values[most])}>
        <summary>Ranges</summary>
        <div class="range-fields">
          {RANGES.map(({ label, least, most }) => (
            <fieldset key={label}>
              <legend>{label}</legend>
              <TextField
                label="from"
                isNumeric
                value={values[least] ?? ''}
                onValue={(v) => setValues({ [least]: v })}
              />
              <TextField label="to" isNumeric value={values[most] ?? ''} onValue={(v) => setValues({ [most]: v })} />
            </fieldset>
          ))}
        </div>
      </details>
      {set === 0 ? null : (
        <button
          type="button"
          onClick={() => setValues(Object.fromEntries(ROW_FILTERS.map((name) => [name, ''])), true)}
        >
          Clear {set === 1 ? 'the filter' : `${set} filters`}
        </button>
      )}
    </form>
  );
}
