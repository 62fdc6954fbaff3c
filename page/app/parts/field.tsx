// Fields of forms: a label, a control, what it means, what is wrong with it.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { said } from './words.tsx';

interface Frame {
  label: string;
  /** What it means. */
  hint?: string;
  /** What is wrong with it. */
  finding?: string | null;
}

interface Parts {
  id: string;
  'aria-describedby'?: string;
  'aria-invalid'?: boolean;
}

/** A control with its label; `draw` gets what ties them together. */
export function Labelled({
  label,
  hint,
  finding = null,
  draw,
}: Frame & { draw: (parts: Parts) => ComponentChildren }): preact.JSX.Element {
  const id = useId();
  const described = [hint ? `${id}-hint` : '', finding === null ? '' : `${id}-finding`].filter((part) => part !== '');
  const parts: Parts = {
    id,
    ...(described.length === 0 ? {} : { 'aria-describedby': described.join(' ') }),
    ...(finding === null ? {} : { 'aria-invalid': true }),
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {draw(parts)}
      {hint ? (
        <p class="hint" id={`${id}-hint`}>
          {said(hint)}
        </p>
      ) : null}
      {finding === null ? null : (
        <p class="finding" id={`${id}-finding`}>
          {said(finding)}
        </p>
      )}
    </div>
  );
}

interface TextProps extends Frame {
  value: string;
  /** After a pause in typing, and when the field is left. */
  onValue: (value: string) => void;
  placeholder?: string;
  isSearch?: boolean;
  isNumeric?: boolean;
  lines?: number;
}

/** How long nothing is typed before a text counts, in milliseconds. */
const PAUSE_MS = 250;

/** A text; several lines where said. */
export function TextField({ value, onValue, placeholder, isSearch, isNumeric, lines, ...frame }: TextProps) {
  const [draft, setDraft] = useState(value);
  const pause = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setDraft(value), [value]);
  useEffect(() => {
    if (draft === value) return undefined;
    pause.current = setTimeout(() => onValue(draft), PAUSE_MS);
    return () => clearTimeout(pause.current);
  }, [draft, value]);
  const shared = {
    value: draft,
    spellcheck: false,
    autocomplete: 'off',
    ...(placeholder ? { placeholder } : {}),
    onInput: ({ currentTarget }: { currentTarget: HTMLInputElement | HTMLTextAreaElement }) =>
      setDraft(currentTarget.value),
    onBlur: () => {
      // Told once: a second time could come after a click that leads to another view, and lead back.
      clearTimeout(pause.current);
      if (draft !== value) onValue(draft);
    },
  };
  return (
    <Labelled
      {...frame}
      draw={(parts) =>
        lines === undefined ? (
          <input {...parts} {...shared} type="text" inputMode={isNumeric ? 'decimal' : isSearch ? 'search' : 'text'} />
        ) : (
          <textarea {...parts} {...shared} rows={lines} />
        )
      }
    />
  );
}

interface ChoiceProps extends Frame {
  value: string;
  onValue: (value: string) => void;
  options: { value: string; label: string }[];
}

/** One of some. */
export function ChoiceField({ value, onValue, options, ...frame }: ChoiceProps): preact.JSX.Element {
  return (
    <Labelled
      {...frame}
      draw={(parts) => (
        <select {...parts} value={value} onChange={({ currentTarget }) => onValue(currentTarget.value)}>
          {options.map((option) => (
            <option key={option.value} value={option.value} selected={option.value === value}>
              {said(option.label)}
            </option>
          ))}
        </select>
      )}
    />
  );
}

interface ChoicesProps extends Frame {
  values: readonly string[];
  onValues: (values: string[]) => void;
  options: { value: string; label: string; hint?: string }[];
}

/** Some of some, in the order of the options. */
export function ChoicesField({ label, hint, finding, values, onValues, options }: ChoicesProps): preact.JSX.Element {
  const id = useId();
  const toggled = (value: string, isOn: boolean): string[] =>
    options.map((option) => option.value).filter((each) => (each === value ? isOn : values.includes(each)));
  return (
    <fieldset class="field choices" {...(hint ? { 'aria-describedby': `${id}-hint` } : {})}>
      <legend>{label}</legend>
      {hint ? (
        <p class="hint" id={`${id}-hint`}>
          {said(hint)}
        </p>
      ) : null}
      {options.map((option) => (
        <label key={option.value} class="choice">
          <input
            type="checkbox"
            checked={values.includes(option.value)}
            onChange={({ currentTarget }) => onValues(toggled(option.value, currentTarget.checked))}
          />
          <span>
            {option.label}
            {option.hint === undefined ? null : <span class="hint">{option.hint}</span>}
          </span>
        </label>
      ))}
      {finding ? <p class="finding">{said(finding)}</p> : null}
    </fieldset>
  );
}
