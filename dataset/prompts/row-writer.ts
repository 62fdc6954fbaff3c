// Rows as text under a model's template, with what must hold of them first.
import { DeadlineError, withDeadline } from '../../algorithms/deadline.ts';
import type { ClipKind } from '../../contracts/clips.ts';
import type { PromptTemplate } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { clipPlaceholder } from '../forms/clips.ts';
import { placeholderCount } from '../forms/conversation.ts';
import type { Turn } from '../forms/conversation.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import type { WrittenPrompt } from './prompt-piece.ts';
import { answerEndNote, promptWriter } from './prompt-text.ts';
import type { TemplateTexts } from './prompt-text.ts';
import type { Guard } from './tokenizer.ts';

/** Writes rows under one template. */
export interface RowWriter {
  /** Whether a special token ends answers. */
  endsAnswers: boolean;
  /** Text of a row with its answers marked, or why it has none. */
  write(turns: readonly Turn[], imageCount: number, kinds?: readonly ClipKind[]): WrittenPrompt | Rejection;
  /**
   * What a person should know of the prompts that were made.
   * @param lastAnswerCount rows of which the last answer alone is learned
   */
  notes(lastAnswerCount: number): string[];
}

/**
 * The writer of a model's folder.
 * @throws InvalidConfigError for a template that cannot be read
 */
export function createRowWriter(template: 'auto' | PromptTemplate, texts: TemplateTexts): RowWriter {
  const write = promptWriter(template, texts);
  const note = answerEndNote(write, texts);
  return {
    endsAnswers: note === null,
    write: (turns, imageCount, kinds = []) =>
      checkText(turns, { imageCount, kinds }, texts) ?? writeRow(() => write(turns, kinds)),
    notes: (lastAnswerCount) => [...(note === null ? [] : [note]), ...lastAnswerNotes(lastAnswerCount)],
  };
}

const ENCODING_LIMIT_MS = 20_000;

/**
 * Templates and the tokenizer's expressions come with the model: one that never ends must not hang the work.
 * @param limitMs time of the processor of a call; thousands of times what a row takes where none is given
 */
export function guardOf(limitMs = ENCODING_LIMIT_MS): Guard {
  return (run) => {
    try {
      return withDeadline(limitMs, run);
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      throw new InvalidConfigError(
        `model.path: chat_template and tokenizer.json must write a row's tokens, got none: it ${error.message}; ` +
          'look for a loop in the template, or nested repetitions in the tokenizer’s patterns',
        { cause: error },
      );
    }
  };
}

/** Counts what guarded calls have found. One that is begun anew counts anew. */
export class CountInTime {
  readonly #guard: Guard;
  #done = 0;
  #found = 0;

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  get count(): number {
    return this.#done;
  }

  add(): void {
    this.#found += 1;
  }

  /** Runs under the guard, and keeps what was added meanwhile. */
  during<T>(run: () => T): T {
    const result = this.#guard(() => {
      this.#found = 0;
      return run();
    });
    this.#done += this.#found;
    return result;
  }
}

function lastAnswerNotes(count: number): string[] {
  if (count === 0) return [];
  return [
    `chat_template: earlier turns must stay as they are when others follow, got other texts in ${count.toLocaleString('en')} rows; ` +
      'of these the last answer alone is learned',
  ];
}

/** A template may refuse what stands in a row, a system text for instance. */
function writeRow(write: () => WrittenPrompt | Rejection): WrittenPrompt | Rejection {
  try {
    return write();
  } catch (error) {
    return {
      reason: 'role_unknown',
      detail: `chat_template must take the row's roles, got: ${(error as Error).message}`,
    };
  }
}

function checkText(
  turns: readonly Turn[],
  { imageCount, kinds }: { imageCount: number; kinds: readonly ClipKind[] },
  { reservedTexts }: TemplateTexts,
): Rejection | null {
  const placeholders = turns.reduce((count, { value }) => count + placeholderCount(value), 0);
  if (placeholders !== imageCount) {
    return {
      reason: 'image_count_mismatch',
      detail: `<image> count must equal images, got ${placeholders} and ${imageCount}`,
    };
  }
  for (const [index, { value }] of turns.entries()) {
    const places = kinds.map(clipPlaceholder);
    const found = [...reservedTexts.filter((text) => !places.includes(text)), ' ASSISTANT: '].find((text) =>
      value.includes(text),
    );
    if (found !== undefined) {
      return {
        reason: 'reserved_text',
        detail: `turn ${index}: value must not contain ${JSON.stringify(found)}, which separates turns`,
      };
    }
  }
  return null;
}
