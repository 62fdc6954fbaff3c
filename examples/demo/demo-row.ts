// A row of the demo in memory.
import type { Picture, PictureContent } from './pictures.ts';
import type { Random } from './named-random.ts';
import type { SourceSplit } from './sources.ts';

export type Turn = [question: string, answer: string];

/** One row in memory. */
export interface DemoRow {
  task: string;
  turns: Turn[];
  /** uint8 [row, column, channel], 56 × 56 × 3, RGB; null for a row of text only. */
  image: Uint8Array | null;
  /** What the picture shows, which the answers must agree with; null without a picture. */
  content: PictureContent | null;
  /** Ids of the source pictures. */
  sourceIds: string[];
}

/** A question with its answer, and the picture they are about. */
export interface Draft {
  turns: Turn[];
  picture: Picture | null;
}

/** Draws one row of a task. */
export type TaskMaker = (random: Random, sources: SourceSplit) => Draft;

export function toRow(task: string, { turns, picture }: Draft): DemoRow {
  return {
    task,
    turns,
    image: picture?.pixels ?? null,
    content: picture?.content ?? null,
    sourceIds: picture?.sourceIds ?? [],
  };
}

/** The items but one. */
export function without<Item>(items: readonly Item[], excluded: Item): Item[] {
  return items.filter((item) => item !== excluded);
}
