// How a training is said in words: in progress, plan and report.
import type { ScheduleSettings, TrainingSchedule } from './config.ts';

/** Optimiser steps that a training should have. */
export const WANTED_STEPS = 100;

/** `4 rows a step, 4 epochs, learning rate 0.0004`. */
export function scheduleWords({ epochs, batchSize, learningRate }: TrainingSchedule): string {
  return `${counted(batchSize, 'row')} a step, ${counted(epochs, 'epoch')}, learning rate ${learningRate}`;
}

const KEYS = { batchSize: 'batch_size', epochs: 'epochs', learningRate: 'learning_rate' } as const;

/** Keys of a section that the recipe leaves to the number of rows: `batch_size, epochs`; empty where it says all. */
export function followedKeys(settings: ScheduleSettings): string {
  const names = Object.entries(KEYS) as [keyof ScheduleSettings, string][];
  return names.flatMap(([key, name]) => (settings[key] === null ? [name] : [])).join(', ');
}

function counted(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? '' : 's'}`;
}
