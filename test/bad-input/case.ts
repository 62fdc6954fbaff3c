import type { Outcome, World } from './world.ts';

/** Number, what is bad, what happens, and what must happen. */
export type Case = [
  number: number,
  what: string,
  act: (world: World) => Promise<Outcome>,
  wanted: { [Key in keyof Outcome]: unknown },
];

export const config = (message: RegExp | string) => ({
  kind: 'stops',
  error: 'InvalidConfigError',
  exitCode: 2,
  message,
});
export const dataset = (message: RegExp | string) => ({
  kind: 'stops',
  error: 'InvalidDatasetError',
  exitCode: 2,
  message,
});
export const artifact = (message: RegExp | string) => ({
  kind: 'stops',
  error: 'ArtifactMismatchError',
  exitCode: 2,
  message,
});
export const aside = (reason: string, message: RegExp | string) => ({
  kind: 'sets aside',
  reason,
  message,
  goodRows: 2,
});
export const warning = (message: RegExp | string) => ({ kind: 'warns', message });

/** Keys of a row beside its turns. */
export const TEXT = { id: 1, dataset: 'qa' };
