// Forms of rows that ask once: prompt and completion, instruction and output, question and answer.
import type { JsonObject } from '../../contracts/json-object.ts';
import { quoted } from '../rows/row-outcome.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import { IMAGE_PLACEHOLDER } from './conversation.ts';
import type { Dialogue, Form } from './form.ts';
import { MESSAGES_FORM } from './messages.ts';
import { asList } from './turn-list.ts';

/** Messages that a row of such a form stands for, or why it stands for none. */
type Asked = { messages: JsonObject[] } | Rejection;

/**
 * TRL's `{ prompt, completion }`: texts, or lists of messages.
 * @see huggingface/trl `docs/source/dataset_formats.md`
 */
export const PROMPT_FORM = questionForm('prompt', ['prompt', 'completion'], ({ prompt, completion }) => {
  const [asked, answered] = [messagesOf(prompt, 'user'), messagesOf(completion, 'assistant')];
  if (asked === null) return notText('prompt', prompt);
  return answered === null ? notText('completion', completion) : { messages: [...asked, ...answered] };
});

/** Keys of a row by alpaca's names: those of its own, or what a description calls them. */
export interface AlpacaNames {
  instruction: string;
  input: string;
  output: string;
  system: string;
  history: string;
  images: string;
}

/** Alpaca's own names. */
export const ALPACA_NAMES: AlpacaNames = {
  instruction: 'instruction',
  input: 'input',
  output: 'output',
  system: 'system',
  history: 'history',
  images: 'images',
};

/**
 * Alpaca's `{ instruction, input?, output, system?, history? }`: the input on a line behind the instruction, the pairs
 * of the history before.
 * @see hiyouga/LLaMA-Factory `data/README.md`
 */
export const ALPACA_FORM = alpacaForm('alpaca', ALPACA_NAMES, ['instruction', 'output']);

/** Alpaca's form with a description's names. */
export function describedAlpaca(names: AlpacaNames): Form<'described'> {
  return alpacaForm('described', names, []);
}

/** `{ question, answer }`, by whatever names of {@link QUESTION_KEYS} and {@link ANSWER_KEYS}. */
export const QUESTION_FORM: Form<'question'> = {
  ...questionForm('question', ['question', 'answer', 'system'], readQuestion),
  keys: ['question', 'query', 'problem', 'answer', 'response', 'solution', 'system', 'history', 'image', 'images'],
  fits: (fields) =>
    hasNoTurns(fields) && firstOf(fields, QUESTION_KEYS) !== undefined && firstOf(fields, ANSWER_KEYS) !== undefined,
};

const QUESTION_KEYS = ['question', 'query', 'problem'];
const ANSWER_KEYS = ['answer', 'response', 'solution'];

function readQuestion(fields: JsonObject): Asked {
  const [questionKey = 'question', answerKey = 'answer'] = [
    firstOf(fields, QUESTION_KEYS),
    firstOf(fields, ANSWER_KEYS),
  ];
  return askedOnce(fields, { question: questionKey, answer: answerKey, system: 'system', history: 'history' });
}

function alpacaForm<const Name extends string>(name: Name, names: AlpacaNames, needed: readonly string[]): Form<Name> {
  const { instruction, input, output, system, history, images } = names;
  const form = questionForm(name, needed, (fields) => {
    const [task, more] = [fields[instruction], fields[input]];
    const hasMore = typeof task === 'string' && typeof more === 'string' && more !== '';
    const question = hasMore ? [task, more].filter((text) => text !== '').join('\n') : task;
    const asked = { ...fields, [instruction]: question };
    return askedOnce(asked, { question: instruction, answer: output, system, history });
  });
  const read: Form['read'] = (fields, maxImages) =>
    form.read(images === 'images' ? fields : { ...fields, images: fields[images] }, maxImages);
  return { ...form, images, keys: [instruction, input, output, system, history, 'image', images], read };
}

/** A question with its answer, what was said before and a system text. */
function askedOnce(
  fields: JsonObject,
  { question, answer, system, history }: { question: string; answer: string; system: string; history: string },
): Asked {
  for (const key of [question, answer]) if (typeof fields[key] !== 'string') return notText(key, fields[key]);
  const pairs = asList(fields[history] ?? []);
  const isPairs = Array.isArray(pairs) && pairs.every((pair) => Array.isArray(pair) && pair.length === 2);
  if (!isPairs)
    return { reason: 'value_not_text', detail: `${history} must be a list of pairs, got ${quoted(fields[history])}` };
  const first = fields[system];
  return {
    messages: [
      ...(typeof first === 'string' && first !== '' ? [{ role: 'system', content: first }] : []),
      ...[...(pairs as [unknown, unknown][]), [fields[question], fields[answer]]].flatMap(([asked, answered]) => [
        { role: 'user', content: asked },
        { role: 'assistant', content: answered },
      ]),
    ],
  };
}

function questionForm<const Name extends string>(
  name: Name,
  needed: readonly string[],
  ask: (fields: JsonObject) => Asked,
): Form<Name> {
  return {
    name,
    images: 'images',
    keys: [...needed, 'image', 'images'],
    fits: (fields) => hasNoTurns(fields) && needed.every((key) => fields[key] !== undefined),
    read: (fields, maxImages) => {
      const asked = ask(fields);
      return 'reason' in asked ? asked : readMessages(fields, asked.messages, maxImages);
    },
  };
}

/** Pictures that no text names stand in front of the first question. */
function readMessages(fields: JsonObject, messages: JsonObject[], maxImages: number): Dialogue | Rejection {
  const given = fields['images'] ?? fields['image'] ?? [];
  const images = typeof given === 'string' ? imageList(given) : Array.isArray(given) ? given : [given];
  const isNamed = messages.some(({ content }) => typeof content !== 'string' || content.includes(IMAGE_PLACEHOLDER));
  const first = messages.findIndex(({ role }) => role === 'user');
  const withPictures = messages.map((message, index) =>
    isNamed || index !== first
      ? message
      : { ...message, content: `${IMAGE_PLACEHOLDER}\n`.repeat(images.length) + String(message['content']) },
  );
  return MESSAGES_FORM.read({ messages: withPictures, images }, maxImages);
}

function imageList(image: string): unknown[] {
  const list = asList(image);
  return Array.isArray(list) ? (list as unknown[]) : image === '' ? [] : [image];
}

function messagesOf(value: unknown, role: 'user' | 'assistant'): JsonObject[] | null {
  const list = asList(value);
  if (Array.isArray(list)) return list as JsonObject[];
  return typeof value === 'string' ? [{ role, content: value }] : null;
}

function hasNoTurns({ conversations, messages, texts }: JsonObject): boolean {
  return conversations === undefined && messages === undefined && texts === undefined;
}

function firstOf(fields: JsonObject, keys: readonly string[]): string | undefined {
  return keys.find((key) => fields[key] !== undefined && fields[key] !== null);
}

function notText(key: string, value: unknown): Rejection {
  return { reason: 'value_not_text', detail: `${key} must be text, got ${quoted(value)}` };
}
