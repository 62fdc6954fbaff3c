// The outcomes table: which test rows a model answered right, and what it answered where that was asked.
import type { EvaluationResult } from '../contracts/messages/training.ts';
import type { Store } from '../store/store.ts';
import { boolean, float64, optionalBoolean, optionalNumber, optionalText, text, uint32 } from './columns.ts';
import { fileTable } from './table.ts';
import type { Rows } from './table.ts';

const COLUMNS = { rowIndex: uint32, task: text, loss: float64, correct: boolean } as const;

/** Of evaluations that generate answers; null for a row that was not asked. */
const GENERATED_COLUMNS = {
  ...COLUMNS,
  generatedText: optionalText,
  /** Whether it is the row's own after normalisation. */
  generatedRight: optionalBoolean,
  /** In [0, 1]: of exact match, or of the user's own scorer. */
  generatedScore: optionalNumber,
} as const;

/** Test rows with the mean loss of their answer, and whether the model answered right; columns `[row]`. */
export type OutcomesBatch = Rows<typeof COLUMNS>;

/** {@link OutcomesBatch} with the answers that were generated. */
export type GeneratedOutcomesBatch = Rows<typeof GENERATED_COLUMNS>;

/** Reads and writes {@link OutcomesBatch}. */
export const outcomesTable = fileTable('outcomes', COLUMNS);

/** Reads and writes {@link GeneratedOutcomesBatch}: the same file, in an artifact whose details tell of answers. */
export const generatedOutcomesTable = fileTable('outcomes', GENERATED_COLUMNS);

/** What the artifact says beside its table. */
export type OutcomesDetails = Pick<EvaluationResult, 'tasks' | 'macroAccuracy' | 'meanLoss' | 'macroGenerated'>;

/** The table of an evaluation, with generated answers where there are some. */
export function readOutcomesTable(
  store: Store,
  { outcomes, macroGenerated }: Pick<EvaluationResult, 'outcomes' | 'macroGenerated'>,
): AsyncGenerator<OutcomesBatch | GeneratedOutcomesBatch> {
  return macroGenerated === undefined
    ? outcomesTable.read(store, outcomes)
    : generatedOutcomesTable.read(store, outcomes);
}
