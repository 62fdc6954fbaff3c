// The outcomes table: which test rows a model answered right.
import type { EvaluationResult } from '../contracts/messages/training.ts';
import { boolean, float64, text, uint32 } from './columns.ts';
import { fileTable } from './table.ts';
import type { Rows } from './table.ts';

const COLUMNS = { rowIndex: uint32, task: text, loss: float64, correct: boolean } as const;

export type OutcomesBatch = Rows<typeof COLUMNS>;

export const outcomesTable = fileTable('outcomes', COLUMNS);

/** What the artifact says beside its table. */
export type OutcomesDetails = Pick<EvaluationResult, 'tasks' | 'macroAccuracy' | 'meanLoss'>;
