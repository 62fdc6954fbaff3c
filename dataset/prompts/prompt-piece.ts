// A dialogue as text: what is given, and what is to be learned.
import type { ClipKind } from '../../contracts/clips.ts';
import type { Turn } from '../forms/conversation.ts';
import type { Rejection } from '../rows/row-outcome.ts';

/** A part of a dialogue's text. The parts in order are the whole. */
export interface PromptPiece {
  text: string;
  /** Whether the piece is an answer with its end token, and one that is learned. */
  supervised: boolean;
}

/** A dialogue under a template. */
export interface WrittenPrompt {
  pieces: PromptPiece[];
  /** Whether earlier answers count as given, since the template changes them with later turns. */
  lastAnswerOnly: boolean;
}

/** Text of a dialogue under a template, or why it has none. Placeholders of the given kinds stand for clips. */
export type PromptWriter = (turns: readonly Turn[], kinds?: readonly ClipKind[]) => WrittenPrompt | Rejection;

/** A question and its answer that stand in no template: what a template makes of them is seen in its text. */
export const PROBE = ['tive asks', 'tive answers'] as const;
