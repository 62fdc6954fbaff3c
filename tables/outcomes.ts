// The outcomes table: which test rows a model answered right.
import type { EvaluationResult } from '../contracts/messages/training.ts';
import { boolean, float64, text, uint32 } from './columns.ts';
import { fileTable } from './table.ts';
import type { Rows } from './table.ts';

const COLUMNS = { rowIndex: uint32, task: text, loss: float64, correct: boolean } as const;

/** Test rows with the mean loss of their answer, and whether the model answered right; columns `[row]`. */
export type OutcomesBatch = Rows<typeof COLUMNS>;

/** Reads and writes {@link OutcomesBatch}. */
export const outcomesTable = fileTable('outcomes', COLUMNS);

/** What the artifact says beside its table. */
export type OutcomesDetails = Pick<EvaluationResult, 'tasks' | 'macroAccuracy' | 'meanLoss'>;
