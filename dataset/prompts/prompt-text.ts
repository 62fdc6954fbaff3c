// Dialogues as texts under a template: Vicuna's, or the model's own.
import { Template } from '@huggingface/jinja';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { PromptTemplate } from '../../contracts/config.ts';
import { IMAGE_PLACEHOLDER } from '../forms/conversation.ts';
import type { Turn } from '../forms/conversation.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** A dialogue as text: pieces in order, alternating between what is given and what is to be learned. */
export interface PromptPiece {
  text: string;
  /** Whether the piece is an answer with its end token that is to be learned. */
  supervised: boolean;
}

/** Text of a dialogue under a template. */
export type PromptWriter = (turns: readonly Turn[]) => PromptPiece[];

const VICUNA_SYSTEM =
  'A chat between a curious user and an artificial intelligence assistant. ' +
  "The assistant gives helpful, detailed, and polite answers to the user's questions.";

/**
 * LLaVA's `vicuna_v1`: `{system} USER: {question} ASSISTANT: {answer}</s>USER: …`, one space before `ASSISTANT:`, none
 * after `</s>`. An answer's piece begins with the space after `ASSISTANT:`. A row's own system text takes the place of
 * the usual one. A tokenizer without `</s>` ends answers by its own end token.
 */
export function vicunaWriter(endToken = '</s>'): PromptWriter {
  return (turns) => {
    const pieces: PromptPiece[] = [];
    const [first] = turns;
    let system = `${first?.role === 'system' ? first.value : VICUNA_SYSTEM} `;
    for (const { role, value, isMasked } of turns) {
      if (role === 'system') continue;
      if (role === 'gpt') pieces.push({ text: ` ${value}${endToken}`, supervised: isMasked !== true });
      else pieces.push({ text: `${system}USER: ${value} ASSISTANT:`, supervised: false });
      system = '';
    }
    return pieces;
  };
}

const CHAT_ROLES = { system: 'system', human: 'user', gpt: 'assistant' } as const;

/** A message as templates take it. */
interface Message {
  role: 'system' | 'user' | 'assistant';
  content: unknown;
}

type Render = (messages: readonly Message[], asksForAnswer: boolean) => string;

/**
 * The folder's chat template. Bounds come from rendered prefixes: before an answer the messages so far with the
 * generation prompt, after it the messages with the answer; each must begin with the one before. Some templates write
 * another text before answers than their generation prompt (LLaVA-Interleave's): there the answer begins where the
 * template writes it.
 * @throws InvalidConfigError for a template that cannot be read or renders no dialogue, or whose prefixes differ
 */
export function chatTemplateWriter({ chatTemplate, namedTokens }: TextTokenizer): PromptWriter {
  if (chatTemplate === null)
    throw new InvalidConfigError(
      'model.template: chat_template must exist in the model folder, got none; set template: vicuna_v1',
    );
  const template = parseTemplate(chatTemplate);
  const render: Render = (messages, asksForAnswer) =>
    template.render({ messages: [...messages], add_generation_prompt: asksForAnswer, ...namedTokens });
  const content = contentForm(render);
  return (turns) => {
    const messages = turns.map(({ role, value }) => ({ role: CHAT_ROLES[role], content: content(value) }));
    const beforeAnswer = (asked: readonly Message[]): string => {
      const [, answer] = PROBE;
      const text = render([...asked, { role: 'assistant', content: content(answer) }], false);
      return text.slice(0, text.lastIndexOf(answer));
    };
    const pieces: PromptPiece[] = [];
    let written = '';
    const append = (text: string, supervised: boolean): void => {
      if (!text.startsWith(written)) {
        throw new InvalidConfigError(
          `chat_template: a longer dialogue must begin with the shorter one's text, got a difference after turn ${pieces.length}`,
        );
      }
      pieces.push({ text: text.slice(written.length), supervised });
      written = text;
    };
    turns.forEach(({ role, isMasked }, index) => {
      if (role === 'gpt') {
        const answered = render(messages.slice(0, index + 1), false);
        const asked = render(messages.slice(0, index), true);
        append(answered.startsWith(asked) ? asked : beforeAnswer(messages.slice(0, index)), false);
        append(answered, isMasked !== true);
      }
    });
    return pieces;
  };
}

function parseTemplate(text: string): Template {
  try {
    return new Template(text);
  } catch (error) {
    throw new InvalidConfigError(
      `chat_template: must be a Jinja template, got ${(error as Error).message}; set template: vicuna_v1`,
      { cause: error },
    );
  }
}

/**
 * How a template wants a message's content: as a list of parts or as a text. Both are tried on a short dialogue. Parts
 * it is where the template writes their texts and puts the picture's placeholder itself; a template for texts writes
 * them as they print, or fails.
 * @throws InvalidConfigError where it writes neither
 */
function contentForm(render: Render): (value: string) => unknown {
  const tried = (content: (value: string) => unknown): string | Error => {
    const [question, answer] = PROBE;
    try {
      return render(
        [
          { role: 'user', content: content(`${IMAGE_PLACEHOLDER}${question}`) },
          { role: 'assistant', content: content(answer) },
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
  if (writes(parts) && (parts as string).includes(IMAGE_PLACEHOLDER)) return contentParts;
  const text = tried((value) => value);
  if (writes(text)) return (value) => value;
  if (writes(parts)) return contentParts;
  const problem = [text, parts].find((found) => found instanceof Error)?.message ?? 'a text without them';
  throw new InvalidConfigError(
    `chat_template: must write a question and its answer, got ${problem}; set template: vicuna_v1`,
  );
}

/** Texts that stand in no template. */
const PROBE = ['tive asks', 'tive answers'] as const;

/** A text with placeholders as the list of parts that some templates read. */
function contentParts(value: string): { type: string; text?: string }[] {
  return value.split(/(<image>)/).flatMap((part): { type: string; text?: string }[] => {
    if (part === '<image>') return [{ type: 'image' }];
    return part === '' ? [] : [{ type: 'text', text: part }];
  });
}

/**
 * What a person should know of a writer: that its answers have no end, where no special token ends them. A model that
 * is tuned on such answers may not learn to stop.
 */
export function answerEndNote(write: PromptWriter, { reservedTexts, eosToken }: TextTokenizer): string | null {
  const [question, answer] = PROBE;
  const pieces = write([
    { role: 'human', value: question },
    { role: 'gpt', value: answer },
  ]);
  const end = pieces.at(-1)!.text.trimEnd();
  if ([...reservedTexts, eosToken].some((text) => text !== '' && end.endsWith(text))) return null;
  return (
    `chat_template: answers must end with a special token, got ${JSON.stringify(end.slice(-20))}; ` +
    'a model tuned on them may not learn to stop; template: vicuna_v1 ends them as LLaVA was trained'
  );
}

/** The writer for a config's template; `auto` takes the folder's chat template where there is one. */
export function promptWriter(template: 'auto' | PromptTemplate, tokenizer: TextTokenizer): PromptWriter {
  const usesChat = template === 'chat_template' || (template === 'auto' && tokenizer.chatTemplate !== null);
  if (usesChat) return chatTemplateWriter(tokenizer);
  const hasOwnEnd = tokenizer.eosToken !== '' && !tokenizer.hasToken('</s>');
  return vicunaWriter(hasOwnEnd ? tokenizer.eosToken : '</s>');
}
