// What is done with chosen rows: they are written to a file, or left out of the next run.
import { useState } from 'preact/hooks';
import { EXPORT_FORMS, ROW_FORMS } from '../../../contracts/export-forms.ts';
import { plural } from '../../../report/format.ts';
import type { Excluded, Said } from '../../api.ts';
import { apiPath, post } from '../data/ask.ts';
import { session } from '../data/live.ts';
import { useDeed } from '../data/use-deed.ts';
import { linkTo } from '../logic/route.ts';
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
  const written = useDeed<Said>();
  const excluded = useDeed<Excluded>();
  const chosen = chosenCount(choice, total);
  const forms: readonly string[] = chosen === 0 ? SELECTION_FORMS : ROW_FORMS;
  const form = forms.includes(wanted) ? wanted : forms[0]!;
  const isReadOnly = session.value?.isReadOnly !== false;
  const write = (): void =>
    written.begin(() => post(apiPath('runs', runName, 'export'), { form, ...chosenRows(choice) }));
  const exclude = (): void => excluded.begin(() => post(apiPath('runs', runName, 'exclude'), chosenRows(choice)));
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
        <button type="button" class="main" disabled={written.isBusy || isReadOnly} onClick={write}>
          {written.isBusy ? 'Writing …' : chosen === 0 ? 'Write the selection' : `Write ${plural(chosen, 'row')}`}
        </button>
        {chosen === 0 ? null : (
          <>
            <button type="button" disabled={excluded.isBusy || isReadOnly} onClick={exclude}>
              {excluded.isBusy ? 'Writing …' : 'Leave out of the next run'}
            </button>
            <button type="button" onClick={clear}>
              Choose none
            </button>
          </>
        )}
      </div>
      <p role="status" class="told">
        {written.answer === null ? '' : `${said(written.answer.message)} `}
        {written.answer === null ? null : <code>{said(written.answer.command)}</code>}
      </p>
      <Wrong text={written.problem} />
      <div role="status">{excluded.answer === null ? null : <LeftOut answer={excluded.answer} />}</div>
      <Wrong text={excluded.problem} />
    </details>
  );
}

/** Two ways on: a run of its own, and another selection of this one. */
function LeftOut({ answer: { message, recipe, command } }: { answer: Excluded }): preact.JSX.Element {
  return (
    <p class="told">
      {said(message)}: <a href={linkTo({ view: 'start' }, { recipe: recipe.text, file: recipe.name })}>start a run</a>{' '}
      without them, or select anew from the gradients that are there: <code>{said(command)}</code>
    </p>
  );
}
