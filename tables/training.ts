// The training table: every optimiser step of an adapter. An adapter that was given has none.
import type { AdapterResult } from '../contracts/messages/training.ts';
import { float64, uint32 } from './columns.ts';
import { fileTable } from './table.ts';

/** Reads and writes one row a step, in order; the loss is the mean over the step's supervised tokens. */
export const trainingTable = fileTable('training', {
  step: uint32,
  learningRate: float64,
  loss: float64,
  gradientNorm: float64,
});

/** What an adapter's artifact says beside its files. */
export type AdapterDetails = Omit<AdapterResult, 'adapter' | 'schedule' | 'cached'>;
