// What a selector is: a group of rows in, their draw order out.
import type { SelectionConfig, SelectionMethod } from '../../contracts/config.ts';
import type { ColumnOf, MethodColumns, SettingOf } from '../../contracts/methods.ts';
import type { SampledRows } from '../sampling.ts';

/** A group in draw order, with the probability of each row: any first b of them are a selection of size b. */
export interface DrawnGroup {
  /** [group] positions in the columns, first drawn first. */
  position: Uint32Array;
  /** [group] p of the first draw, Σ = 1; 1 each where the choice is not random. */
  probability: Float64Array;
}

/**
 * Rows to order, and what of the run a method may read: the columns and settings that its entry declares, no others.
 */
export interface DrawRequest<Method extends SelectionMethod> {
  rows: SampledRows;
  /** Positions of a task's rows, or of all rows for a pooled method. */
  group: Uint32Array;
  /** Named stream of the draws, e.g. `select/instance/gqa`. */
  stream: string;
  seed: number;
  /** How many rows are to be taken of the group; a method whose order does not depend on it nests its budgets. */
  wanted: number;
  columns: Pick<MethodColumns, ColumnOf<Method>>;
  settings: Pick<SelectionConfig, SettingOf<Method>>;
}

/** One method: the order in which it takes the rows of a group. How many, and how often, is not its business. */
export type Selector<Method extends SelectionMethod> = (request: DrawRequest<Method>) => DrawnGroup;
