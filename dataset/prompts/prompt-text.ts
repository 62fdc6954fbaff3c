// Dialogues as texts under a template: Vicuna's, or the model's own.
import type { ClipKind } from '../../contracts/clips.ts';
import type { PromptTemplate } from '../../contracts/config.ts';
import type { Turn } from '../forms/conversation.ts';
import { isRejection } from '../rows/row-outcome.ts';
import { chatTemplateWriter } from './chat-template.ts';
import { PROBE } from './prompt-piece.ts';
import type { PromptPiece, PromptWriter, WrittenPrompt } from './prompt-piece.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Texts of a model's folder that decide how dialogues are written. */
export type TemplateTexts = Pick<
  TextTokenizer,
  'chatTemplate' | 'namedTokens' | 'reservedTexts' | 'eosToken' | 'hasToken'
> & {
  /** Texts that stand once for a picture, a video or a sound; absent: `<image>`. */
  mediaTokens?: Readonly<Partial<Record<'image' | ClipKind, string | null>>>;
};

const VICUNA_SYSTEM =
  'A chat between a curious user and an artificial intelligence assistant. ' +
  "The assistant gives helpful, detailed, and polite answers to the user's questions.";

/**
 * LLaVA's `vicuna_v1`: `{system} USER: {question} ASSISTANT: {answer}</s>USER: …`, one space before `ASSISTANT:`, none
 * after `</s>`. An answer's piece begins with the space after `ASSISTANT:`. A row's own system text takes the place of
 * the usual one. A tokenizer without `</s>` ends answers by its own end token.
 */
export function vicunaWriter(endToken = '</s>'): (turns: readonly Turn[]) => WrittenPrompt {
  return (turns) => {
    const pieces: PromptPiece[] = [];
    const [first] = turns;
    let system = `${first?.role === 'system' ? first.value : VICUNA_SYSTEM} `;
    for (const { role, value, masked } of turns) {
      if (role === 'system') continue;
      if (role === 'gpt') pieces.push({ text: ` ${value}${endToken}`, supervised: masked !== true });
      else pieces.push({ text: `${system}USER: ${value} ASSISTANT:`, supervised: false });
      system = '';
    }
    return { pieces, lastAnswerOnly: false };
  };
}

/**
 * What a person should know of a writer: that its answers have no end, where no special token ends them. A model that
 * is tuned on such answers may not learn to stop.
 */
export function answerEndNote(write: PromptWriter, { reservedTexts, eosToken }: TemplateTexts): string | null {
  const [question, answer] = PROBE;
  const written = write([
    { role: 'human', value: question },
    { role: 'gpt', value: answer },
  ]);
  if (isRejection(written)) return null;
  const end = written.pieces.findLast(({ supervised }) => supervised)!.text.trimEnd();
  if ([...reservedTexts, eosToken].some((text) => text !== '' && end.endsWith(text))) return null;
  return (
    `chat_template: answers must end with a special token, got ${JSON.stringify(end.slice(-20))}; ` +
    'a model tuned on them may not learn to stop; template: vicuna_v1 ends them as LLaVA was trained'
  );
}

/** The writer for a config's template; `auto` takes the folder's chat template where there is one. */
export function promptWriter(template: 'auto' | PromptTemplate, tokenizer: TemplateTexts): PromptWriter {
  const usesChat = template === 'chat_template' || (template === 'auto' && tokenizer.chatTemplate !== null);
  if (usesChat) return chatTemplateWriter(tokenizer);
  const hasOwnEnd = tokenizer.eosToken !== '' && !tokenizer.hasToken('</s>');
  return vicunaWriter(hasOwnEnd ? tokenizer.eosToken : '</s>');
}
