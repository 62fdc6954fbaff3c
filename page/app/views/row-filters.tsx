// The filters of the rows, as the address says them.
import type { RowPage } from '../../api.ts';
import { count } from '../../../report/format.ts';
import { setValues } from '../data/place.ts';
import { RANGES, ROW_FILTERS, ROW_STATES, filterCount } from '../logic/row-query.ts';
import { ROW_STATE_WORDS } from '../logic/words.ts';
import { ChoiceField, TextField } from '../parts/field.tsx';

interface FiltersProps {
  /** Tasks and reasons that there are; null until they are known. */
  head: Pick<RowPage, 'tasks' | 'reasons'> | null;
  values: Readonly<Record<string, string>>;
}

/** Each field changes the address. */
export function RowFilters({ head, values }: FiltersProps): preact.JSX.Element {
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
