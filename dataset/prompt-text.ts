import { Template } from '@huggingface/jinja';
import { InvalidConfigError } from '../contracts/failures.ts';
import type { PromptTemplate } from '../contracts/config.ts';
import type { Turn } from './conversation.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** A dialogue as text: pieces in order, alternating between what is given and what is to be learned. */
export interface PromptPiece {
  text: string;
  /** Whether the piece is an answer with its end token. */
  supervised: boolean;
}

/** Text of a dialogue under a template. */
export type PromptWriter = (turns: readonly Turn[]) => PromptPiece[];

const VICUNA_SYSTEM =
  'A chat between a curious user and an artificial intelligence assistant. ' +
  "The assistant gives helpful, detailed, and polite answers to the user's questions.";

/**
 * LLaVA's `vicuna_v1`: `{system} USER: {question} ASSISTANT: {answer}</s>USER: …`, one space before `ASSISTANT:`, none
 * after `</s>`. An answer's piece begins with the space after `ASSISTANT:`. A row's own system text takes the place of the
 * usual one.
 */
export function vicunaWriter(): PromptWriter {
  return (turns) => {
    const pieces: PromptPiece[] = [];
    const [first] = turns;
    let system = `${first?.role === 'system' ? first.value : VICUNA_SYSTEM} `;
    for (const { role, value } of turns) {
      if (role === 'system') continue;
      if (role === 'gpt') pieces.push({ text: ` ${value}</s>`, supervised: true });
      else pieces.push({ text: `${system}USER: ${value} ASSISTANT:`, supervised: false });
      system = '';
    }
    return pieces;
  };
}

const CHAT_ROLES = { system: 'system', human: 'user', gpt: 'assistant' } as const;

/**
 * The folder's chat template. Bounds come from rendered prefixes: before an answer the messages so far with the
 * generation prompt, after it the messages with the answer; each must begin with the one before.
 * @throws InvalidConfigError for a template that cannot be read, or whose prefixes differ
 */
export function chatTemplateWriter({ chatTemplate, bosToken, eosToken }: TextTokenizer): PromptWriter {
  if (chatTemplate === null)
    throw new InvalidConfigError(
      'model.template: chat_template must exist in the model folder, got none; set template: vicuna_v1',
    );
  const template = new Template(chatTemplate);
  const listsParts = /\[['"]type['"]\]|\.type\b/.test(chatTemplate);
  const content = (value: string): unknown => (listsParts ? contentParts(value) : value);
  return (turns) => {
    const messages = turns.map(({ role, value }) => ({
      role: CHAT_ROLES[role],
      content: content(value),
    }));
    const render = (count: number, prompts: boolean): string =>
      template.render({
        messages: messages.slice(0, count),
        add_generation_prompt: prompts,
        bos_token: bosToken,
        eos_token: eosToken,
      });
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
    turns.forEach(({ role }, index) => {
      if (role === 'gpt') {
        append(render(index, true), false);
        append(render(index + 1, false), true);
      }
    });
    return pieces;
  };
}

/** A text with placeholders as the list of parts that some templates read. */
function contentParts(value: string): { type: string; text?: string }[] {
  return value.split(/(<image>)/).flatMap((part): { type: string; text?: string }[] => {
    if (part === '<image>') return [{ type: 'image' }];
    return part === '' ? [] : [{ type: 'text', text: part }];
  });
}

/** The writer for a config's template; `auto` takes the folder's chat template where there is one. */
export function promptWriter(template: 'auto' | PromptTemplate, tokenizer: TextTokenizer): PromptWriter {
  const usesChat = template === 'chat_template' || (template === 'auto' && tokenizer.chatTemplate !== null);
  return usesChat ? chatTemplateWriter(tokenizer) : vicunaWriter();
}
