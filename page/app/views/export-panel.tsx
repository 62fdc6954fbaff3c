// Rows of one's choice, written to a file.
import { EXPORT_FORMS } from '../../../contracts/export-forms.ts';
import { useState } from 'preact/hooks';
import type { Said } from '../../api.ts';
import { plural } from '../../../report/format.ts';
import { apiPath, post, sentenceOf } from '../data/ask.ts';
import { session } from '../data/live.ts';
import { ChoiceField } from '../parts/field.tsx';
import { Wrong, said } from '../parts/words.tsx';

/** An adapter is no form of rows. */
const FORMS = EXPORT_FORMS.filter((form) => form !== 'adapter');

interface ExportProps {
  runName: string;
  chosen: ReadonlySet<number>;
  clear: () => void;
}

/** The chosen rows, or the selection where none are chosen. */
export function ExportPanel({ runName, chosen, clear }: ExportProps): preact.JSX.Element {
  const [form, setForm] = useState<string>('llava');
  const [told, setTold] = useState<{ said: Said | null; wrong: string | null }>({ said: null, wrong: null });
  const rows = chosen.size === 0 ? null : [...chosen].sort((left, right) => left - right);
  const write = (): void => {
    post<Said>(apiPath('runs', runName, 'export'), { form, rows }).then(
      (answer) => setTold({ said: answer, wrong: null }),
      (error: unknown) => setTold({ said: null, wrong: sentenceOf(error) }),
    );
  };
  return (
    <details class="export" open={chosen.size > 0}>
      <summary>{rows === null ? 'Export' : `Export ${plural(rows.length, 'chosen row')}`}</summary>
      <div class="filters">
        <ChoiceField
          label="Form"
          value={form}
          onValue={setForm}
          options={FORMS.map((value) => ({ value, label: value }))}
        />
        <button type="button" class="main" disabled={session.value?.isReadOnly !== false} onClick={write}>
          {rows === null ? 'Write the selection' : `Write ${plural(rows.length, 'row')}`}
        </button>
        {rows === null ? null : (
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
