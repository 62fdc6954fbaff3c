// The form `messages`: dialogues as chat templates take them.
import { namedForm } from './row-form.ts';

/** The form's names: of a row's keys, of a turn's, of the roles. */
export const MESSAGES_FORM = namedForm(
  'messages',
  {
    turns: 'messages',
    images: 'images',
    system: null,
    role: 'role',
    content: 'content',
    user: 'user',
    assistant: 'assistant',
    systemRole: 'system',
  },
  ({ conversations, messages }) => conversations === undefined && messages !== undefined,
);
