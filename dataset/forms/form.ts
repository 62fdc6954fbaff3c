// What a form of rows is: how a row of it is told from others, and how it is read.
import type { JsonObject } from '../../contracts/json-object.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import type { Turn } from './conversation.ts';

/** A row's dialogue and its pictures, whatever its form. */
export interface Dialogue {
  /** Paths of pictures as given. */
  images: string[];
  /** As read, for the content hash. */
  turns: Turn[];
  /** As the model is asked: alternating roles, a system text first. */
  promptTurns: Turn[];
}

/** A form in which rows hold dialogues and pictures. */
export interface Form<Name extends string = string> {
  /** The value of `dataset.format` that insists on it, and what `tive data inspect` calls it. */
  name: Name;
  /** Key of a row's pictures. */
  images: string;
  /** All keys of a row that hold its dialogue and pictures: what else it says stands beside them. */
  keys: readonly string[];
  /** Whether a row is of it by its keys, where nothing else tells and no form before it in the list fits. */
  fits(fields: JsonObject): boolean;
  /** The row's dialogue, checked; or why it cannot be used. */
  read(fields: JsonObject, maxImages: number): Dialogue | Rejection;
}
