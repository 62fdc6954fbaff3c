// The forms that rows are read in. A new one is a file beside this, a place in the list and a line of docs/data.md.
import type { DatasetConfig } from '../../contracts/config.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import type { Form } from './form.ts';
import { LLAVA_FORM } from './llava.ts';
import { MESSAGES_FORM } from './messages.ts';
import { namedForm } from './row-form.ts';
import type { DescribedForm } from './dataset-info.ts';
import { ALPACA_FORM, describedAlpaca, PROMPT_FORM, QUESTION_FORM } from './questions.ts';
import { SHAREGPT_FORM } from './sharegpt.ts';

/** In the order in which a row is tried for them: the first that fits is its own, and the last fits every row. */
export const FORMS = [MESSAGES_FORM, PROMPT_FORM, ALPACA_FORM, QUESTION_FORM, SHAREGPT_FORM, LLAVA_FORM] as const;

/** Values of `dataset.format` that are forms. */
export type FormName = (typeof FORMS)[number]['name'];

/** The same as a list, the plainest first. */
export const FORM_NAMES: readonly FormName[] = FORMS.map(({ name }) => name).reverse();

/** What is said of the form of a file's rows. */
export interface FormOptions extends Pick<DatasetConfig, 'format'> {
  /** Names that the file's own description gives, or null. */
  form: DescribedForm | null;
}

/** A row's form: by the recipe, else by the file's own description, else by the row's keys. */
export function formOf(fields: JsonObject, { format, form }: FormOptions): Form {
  const wanted = FORMS.find(({ name }) => name === format);
  // A description gives the names of ShareGPT's keys: whoever insists on that form gets them.
  if (wanted !== undefined && (form === null || wanted !== SHAREGPT_FORM || !('turns' in form))) return wanted;
  if (form === null) return fittingForm(fields);
  return 'turns' in form ? namedForm('described', form, () => true) : describedAlpaca(form);
}

function fittingForm(fields: JsonObject): Form {
  return FORMS.find((form) => form.fits(fields)) ?? LLAVA_FORM;
}
