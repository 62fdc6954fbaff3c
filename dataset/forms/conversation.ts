// Dialogues as every form gives them.

/** One turn of a dialogue. */
export interface Turn {
  /** A system text comes first alone. */
  role: 'system' | 'human' | 'gpt';
  value: string;
  /** True for an answer that is given and not learned; absent for all others. */
  masked?: true;
}

/** The placeholder of a picture in a text. */
export const IMAGE_PLACEHOLDER = '<image>';

/** How often the placeholder stands in a text. */
export function placeholderCount(text: string): number {
  return text.split(IMAGE_PLACEHOLDER).length - 1;
}
