// Dialogues as texts under the chat template of a model's folder.
import { Template } from '@huggingface/jinja';
import type { ClipKind } from '../../contracts/clips.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { IMAGE_PLACEHOLDER } from '../forms/conversation.ts';
import { PROBE } from './prompt-piece.ts';
import type { PromptPiece, PromptWriter } from './prompt-piece.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import type { TemplateTexts } from './prompt-text.ts';

const CHAT_ROLES = { system: 'system', human: 'user', gpt: 'assistant' } as const;

/** A message as templates take it. */
interface Message {
  role: 'system' | 'user' | 'assistant';
  content: unknown;
}

/** A text as a message's content; placeholders of the given kinds stand for clips. */
type ContentForm = (value: string, kinds: readonly ClipKind[]) => unknown;

/** What a template may put the token of, in the order in which a model is asked for it. */
const MEDIA = ['image', 'audio', 'video'] as const;

type Render = (messages: readonly Message[], asksForAnswer: boolean) => string;

/**
 * The folder's chat template. Bounds come from rendered prefixes: before an answer the messages so far with the
 * generation prompt, after it the messages with the answer; each must begin with the one before. Some templates write
 * another text before answers than their generation prompt (LLaVA-Interleave's): there the answer begins where the
 * template writes it. An answer ends with its end token: what the template writes behind it, the line break of ChatML
 * for instance, is not learned.
 *
 * A template that changes earlier turns with later ones (Qwen3's drops their thinking) has no such prefixes: of such a
 * row the last answer alone is learned, of those that are to be learned at all.
 * @throws InvalidConfigError for a template that cannot be read, or renders no dialogue
 */
export function chatTemplateWriter(tokenizer: TemplateTexts): PromptWriter {
  const render = renderer(tokenizer);
  const content = contentForm(render, tokenizer);
  const endTexts = [...tokenizer.reservedTexts, tokenizer.eosToken].filter((text) => text !== '');
  return (turns, kinds = []) => {
    const messages = turns.map(({ role, value }) => ({ role: CHAT_ROLES[role], content: content(value, kinds) }));
    const bounds = (answer: number): AnswerBounds => ({
      ...answerBounds(render, messages.slice(0, answer), messages[answer]!),
      value: turns[answer]!.value,
      supervised: turns[answer]!.masked !== true,
    });
    const answers = turns.flatMap(({ role }, index) => (role === 'gpt' ? [index] : []));
    const all = answers.map(bounds);
    const whole = joinAnswers(all, endTexts);
    if (whole !== null) return { pieces: whole, lastAnswerOnly: false };
    const last = joinAnswers(all.filter(({ supervised }) => supervised).slice(-1), endTexts);
    return last === null ? ANSWER_NOT_FOUND : { pieces: last, lastAnswerOnly: true };
  };
}

const ANSWER_NOT_FOUND: Rejection = {
  reason: 'tokenization_mismatch',
  detail: 'chat_template must write a dialogue up to its last answer as it writes it with that answer, got other texts',
};

function renderer({ chatTemplate, namedTokens }: TemplateTexts): Render {
  if (chatTemplate === null)
    throw new InvalidConfigError(
      'model.template: chat_template must exist in the model folder, got none; set template: vicuna_v1',
    );
  const template = parseTemplate(chatTemplate);
  return (messages, asksForAnswer) =>
    template.render({
      ...namedTokens,
      messages: [...messages],
      add_generation_prompt: asksForAnswer,
      [BOUNDED_RANGE]: boundedRange,
    });
}

function parseTemplate(text: string): Template {
  try {
    const template = new Template(text);
    boundRanges(template.parsed);
    return template;
  } catch (error) {
    throw new InvalidConfigError(
      `chat_template: must be a Jinja template, got ${(error as Error).message}; set template: vicuna_v1`,
      { cause: error },
    );
  }
}

/** No dialogue has more turns; a list of more would take the memory of the process. */
const LONGEST_RANGE = 100_000;

const BOUNDED_RANGE = 'bounded_range';

/** A part of a template as it was parsed. */
interface Node {
  type: string;
  callee?: Node;
  value?: unknown;
}

/** Has every call of `range` call {@link boundedRange}: the library takes no other function by that name. */
function boundRanges(node: unknown): void {
  if (typeof node !== 'object' || node === null) return;
  const { type, callee } = node as Node;
  if (type === 'CallExpression' && callee?.type === 'Identifier' && callee.value === 'range')
    callee.value = BOUNDED_RANGE;
  for (const part of Object.values(node)) boundRanges(part);
}

/** Jinja's `range`, of so many numbers at most. */
function boundedRange(start: number, stop?: unknown, step: unknown = 1): number[] {
  const [from, to] = typeof stop === 'number' ? [start, stop] : [0, start];
  const by = typeof step === 'number' ? step : 1;
  const count = Math.ceil((to - from) / by);
  if (!(count <= LONGEST_RANGE)) throw new Error(`range() of at most ${LONGEST_RANGE} numbers, got ${count}`);
  return Array.from({ length: Math.max(0, count) }, (_, index) => from + index * by);
}

/** The texts up to an answer and with it. */
interface AnswerBounds {
  before: string;
  through: string;
  /** The answer itself. */
  value: string;
  /** Whether it is learned. */
  supervised: boolean;
}

function answerBounds(
  render: Render,
  asked: readonly Message[],
  answer: Message,
): Omit<AnswerBounds, 'value' | 'supervised'> {
  const through = render([...asked, answer], false);
  const prompt = render(asked, true);
  if (through.startsWith(prompt)) return { before: prompt, through };
  const [, probe] = PROBE;
  const content = typeof answer.content === 'string' ? probe : contentParts(probe, []);
  const text = render([...asked, { role: 'assistant', content }], false);
  return { before: text.slice(0, text.lastIndexOf(probe)), through };
}

/** Pieces of a text whose answers have these bounds; null where a shorter text is no beginning of the longer ones. */
function joinAnswers(bounds: readonly AnswerBounds[], endTexts: readonly string[]): PromptPiece[] | null {
  const pieces: PromptPiece[] = [];
  let written = '';
  for (const { before, through, value, supervised } of bounds) {
    if (!before.startsWith(written) || !through.startsWith(before)) return null;
    const given = before.slice(written.length);
    const [answer, behind] = splitBehindEnd(through.slice(before.length), value, endTexts);
    pieces.push({ text: given, supervised: false }, { text: answer, supervised });
    if (behind !== '') pieces.push({ text: behind, supervised: false });
    written = through;
  }
  return pieces;
}

/** An answer and what stands behind it: the first special token behind the answer's own text ends it. */
function splitBehindEnd(text: string, value: string, endTexts: readonly string[]): [answer: string, behind: string] {
  const own = value.trim();
  const found = text.lastIndexOf(own);
  const from = found === -1 ? 0 : found + own.length;
  const ends = endTexts.flatMap((end) => {
    const at = text.indexOf(end, from);
    return at === -1 ? [] : [{ at, end: at + end.length }];
  });
  if (ends.length === 0) return [text, ''];
  const first = ends.reduce((best, next) =>
    next.at < best.at || (next.at === best.at && next.end > best.end) ? next : best,
  );
  return [text.slice(0, first.end), text.slice(first.end)];
}

/**
 * How a template wants a message's content: as a list of parts or as a text. Both are tried on a short dialogue. Parts
 * it is where the template writes their texts and puts the token of the picture, or else of the sound, itself; a
 * template for texts writes them as they print, or fails.
 * @throws InvalidConfigError where it writes neither
 */
function contentForm(render: Render, { mediaTokens }: TemplateTexts): ContentForm {
  const probed = MEDIA.find((kind) => (mediaTokens?.[kind] ?? null) !== null) ?? 'image';
  const token = mediaTokens?.[probed] ?? IMAGE_PLACEHOLDER;
  const kinds = probed === 'image' ? [] : [probed];
  const tried = (content: ContentForm): string | Error => {
    const [question, answer] = PROBE;
    try {
      return render(
        [
          { role: 'user', content: content(`<${probed}>${question}`, kinds) },
          { role: 'assistant', content: content(answer, []) },
        ],
        false,
      );
    } catch (error) {
      return error as Error;
    }
  };
  const writes = (text: string | Error): boolean =>
    typeof text === 'string' && PROBE.every((part) => text.includes(part)) && !/["']type["']/.test(text);
  const parts = tried(contentParts);
  if (writes(parts) && (parts as string).includes(token)) return contentParts;
  const text = tried((value) => value);
  if (writes(text)) return (value) => value;
  if (writes(parts)) return contentParts;
  const problem = [text, parts].find((found) => found instanceof Error)?.message ?? 'a text without them';
  throw new InvalidConfigError(
    `chat_template: must write a question and its answer, got ${problem}; set template: vicuna_v1`,
  );
}

/** A text with placeholders as the list of parts that some templates read. */
function contentParts(value: string, kinds: readonly ClipKind[]): { type: string; text?: string }[] {
  const places = ['image', ...kinds].map((kind) => `<${kind}>`);
  return value.split(new RegExp(`(${places.join('|')})`)).flatMap((part): { type: string; text?: string }[] => {
    if (places.includes(part)) return [{ type: part.slice(1, -1) }];
    return part === '' ? [] : [{ type: 'text', text: part }];
  });
}
