// What is done with chosen rows: they are written to a file.
import { useState } from 'preact/hooks';
import { EXPORT_FORMS, ROW_FORMS } from '../../../contracts/export-forms.ts';
import { plural } from '../../../report/format.ts';
import type { Said } from '../../api.ts';
import { apiPath, post, sentenceOf } from '../data/ask.ts';
import { session } from '../data/live.ts';
import { chosenCount, chosenRows } from '../logic/row-choice.ts';
import type { RowChoice } from '../logic/row-choice.ts';
import { ChoiceField } from '../parts/field.tsx';
import { Wrong, said } from '../parts/words.tsx';

/** An adapter is no form of rows. */
const SELECTION_FORMS = EXPORT_FORMS.filter((form) => form !== 'adapter');

interface ChosenProps {
  runName: string;
  choice: RowChoice;
  /** Rows of the list. */
  total: number;
  clear: () => void;
}

/** The chosen rows, or the selection where none are chosen. */
export function ChosenPanel({ runName, choice, total, clear }: ChosenProps): preact.JSX.Element {
  const [wanted, setForm] = useState<string>('llava');
  const [isBusy, setBusy] = useState(false);
  const [told, setTold] = useState<{ said: Said | null; wrong: string | null }>({ said: null, wrong: null });
  const chosen = chosenCount(choice, total);
  const forms: readonly string[] = chosen === 0 ? SELECTION_FORMS : ROW_FORMS;
  const form = forms.includes(wanted) ? wanted : forms[0]!;
  const write = (): void => {
    setBusy(true);
    post<Said>(apiPath('runs', runName, 'export'), { form, ...chosenRows(choice) })
      .then(
        (answer) => setTold({ said: answer, wrong: null }),
        (error: unknown) => setTold({ said: null, wrong: sentenceOf(error) }),
      )
      .finally(() => setBusy(false));
  };
  return (
    <details class="export" open={chosen > 0}>
      <summary>{chosen === 0 ? 'Export' : plural(chosen, 'chosen row')}</summary>
      <div class="filters">
        <ChoiceField
          label="Form"
          value={form}
          onValue={setForm}
          options={forms.map((value) => ({ value, label: value }))}
        />
        <button type="button" class="main" disabled={isBusy || session.value?.isReadOnly !== false} onClick={write}>
          {isBusy ? 'Writing …' : chosen === 0 ? 'Write the selection' : `Write ${plural(chosen, 'row')}`}
        </button>
        {chosen === 0 ? null : (
          <button type="button" onClick={clear}>
            Choose none
          </button>
        )}
      </div>
      <p role="status" class="told">
        {told.said === null ? '' : `${said(told.said.message)} `}
        {told.said === null ? null : <code>{said(told.said.command)}</code>}
      </p>
      <Wrong text={told.wrong} />
    </details>
  );
}
