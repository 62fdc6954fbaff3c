// The form `sharegpt`: dialogues and pictures as LLaMA-Factory reads them.
import { namedForm } from './row-form.ts';
import type { RowForm } from './row-form.ts';

/** Its names, where a description does not give others. */
export const SHAREGPT_NAMES: RowForm = {
  turns: 'conversations',
  images: 'images',
  system: 'system',
  role: 'from',
  content: 'value',
  user: 'human',
  assistant: 'gpt',
  systemRole: 'system',
};

/** The form with these names. */
export const SHAREGPT_FORM = namedForm(
  'sharegpt',
  SHAREGPT_NAMES,
  ({ image, images }) => image === undefined && images !== undefined,
);
