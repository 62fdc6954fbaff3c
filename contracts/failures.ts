// The kinds of failures, and which of them are not retried.

/** The caller's mistake in a recipe or a model folder. */
export class InvalidConfigError extends Error {
  override readonly name = 'InvalidConfigError';
}

/** A dataset that cannot be used as a whole. A single bad row is quarantined instead. */
export class InvalidDatasetError extends Error {
  override readonly name = 'InvalidDatasetError';
}

/** An artifact whose bytes or settings differ from what was recorded. */
export class ArtifactMismatchError extends Error {
  override readonly name = 'ArtifactMismatchError';
}

/** A file of an artifact that is gone, or that has other bytes than were written. */
export interface ArtifactDamage {
  /** Folder of the artifact in the store: `artifacts/STAGE/ADDRESS`. */
  uri: string;
  /** Name of the file in it. */
  name: string;
  /** Hex SHA-256 that the file must have; null where the damage hides it. */
  expected: string | null;
  /** Hex SHA-256 of what is there; null where nothing is. */
  found: string | null;
}

/** Damage or loss in the store: the artifact can be set aside and made again. */
export class DamagedArtifactError extends Error {
  override readonly name = 'DamagedArtifactError';
  /** Null in a copy that came without it. */
  readonly damage: ArtifactDamage | null;

  constructor(message: string, damage: ArtifactDamage | null = null) {
    super(message);
    this.damage = damage;
  }
}

/** NaN or infinity in a training loss or weight, or in a whole micro-batch. It is deterministic, so never retried. */
export class NumericalError extends Error {
  override readonly name = 'NumericalError';
}

/** An activity that was started again and again without getting further. */
export class NoProgressError extends Error {
  override readonly name = 'NoProgressError';
}

/** Class names of errors that retrying cannot cure; everything else is passing trouble and is retried. */
export const NON_RETRYABLE_ERRORS = [
  'TypeError',
  'RangeError',
  'InvalidConfigError',
  'InvalidDatasetError',
  'ArtifactMismatchError',
  'DamagedArtifactError',
  'NumericalError',
  'NoProgressError',
] as const;

/** Failure type of an activity that stopped at a checkpoint because its process drains. Retried, and not an error. */
export const WORKER_DRAINING = 'WorkerDraining';

/** Failures that the caller must act upon: exit code 2 of the command line. */
export const CALLER_ERRORS = [
  'TypeError',
  'RangeError',
  'InvalidConfigError',
  'InvalidDatasetError',
  'ArtifactMismatchError',
  'DamagedArtifactError',
] as const;
