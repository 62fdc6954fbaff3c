// How long and how fast an adapter is trained where the recipe does not say: rules over the number of rows.
import type { ScheduleSettings, TrainingSchedule } from '../contracts/config.ts';
import { InvalidConfigError } from '../contracts/failures.ts';
import { WANTED_STEPS } from '../contracts/training-words.ts';

/** Passes within which a training gets its steps. */
const MOST_EPOCHS = 4;

/** Powers of two; the largest is the released recipe's. */
const LARGEST_BATCH = 128;
const SMALLEST_BATCH = 4;

/** The peak rate of LLaVA's own LoRA recipe, for trainings of so many steps or more. */
const FULL_RATE = 2e-4;
const FULL_RATE_STEPS = 400;
const MOST_RAISED = 2;

/**
 * Epochs, batch size and peak learning rate of a training on n rows; what the recipe says stays, the rest follows:
 *
 * - batch size: the largest of 128, 64, … 4 that gives 100 steps within 4 epochs; 4 where none does;
 * - epochs: the fewest of 1 to 4 that give 100 steps; 4 where none does;
 * - learning rate: 2e-4 · √(400 / steps), at least 2e-4, at most 4e-4, in two digits. AdamW's steps are about as long
 *   as the rate whatever the batch, so few steps are made longer ones; the rate is not lowered with the batch.
 *
 * From 12,800 rows on this is batch size 128 in one epoch, from 51,200 on 2e-4: the released recipe with LLaVA's rate,
 * at the paper's size (53,224 rows of warm-up and 99,795 chosen ones of 665,298). The rules below that size are ours.
 *
 * @param rowCount n ≥ 0, rows of one epoch with their copies.
 * @see arXiv:2403.09559
 */
export function trainingSchedule(rowCount: number, settings: ScheduleSettings): TrainingSchedule {
  const stepsOf = (batchSize: number, epochs: number): number => stepCountOf(rowCount, { batchSize, epochs });
  const mostEpochs = settings.epochs ?? MOST_EPOCHS;
  let batchSize = settings.batchSize ?? LARGEST_BATCH;
  if (settings.batchSize === null)
    while (batchSize > SMALLEST_BATCH && stepsOf(batchSize, mostEpochs) < WANTED_STEPS) batchSize /= 2;
  let epochs = settings.epochs ?? 1;
  if (settings.epochs === null) while (epochs < MOST_EPOCHS && stepsOf(batchSize, epochs) < WANTED_STEPS) epochs += 1;
  const raised = Math.sqrt(FULL_RATE_STEPS / Math.max(1, stepsOf(batchSize, epochs)));
  const followed = Number((FULL_RATE * Math.min(MOST_RAISED, Math.max(1, raised))).toPrecision(2));
  return { epochs, batchSize, learningRate: settings.learningRate ?? followed };
}

/** Optimiser steps of a schedule on so many rows. */
export function stepCountOf(
  rowCount: number,
  { epochs, batchSize }: Pick<TrainingSchedule, 'epochs' | 'batchSize'>,
): number {
  return epochs * Math.ceil(rowCount / batchSize);
}

/**
 * Updates done at each of `count` checkpoints of a training, evenly spaced: round(c · steps / count) for c = 1 … count,
 * so the last is the end.
 *
 * @returns ascending, all different; none for a count of 0.
 * @throws InvalidConfigError for more checkpoints than steps.
 */
export function checkpointSteps(stepCount: number, count: number): number[] {
  if (count > stepCount)
    throw new InvalidConfigError(
      `warmup.trajectory: must be at most the ${stepCount} steps of the warm-up, got ${count}; lower it, or raise warmup.epochs`,
    );
  return Array.from({ length: count }, (_, index) => Math.round(((index + 1) * stepCount) / count));
}
