// Where the torch engine's Python lies in this package.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InvalidConfigError } from './failures.ts';

/** The folder `engines/torch` of this package: one folder up from the sources, two from the build. */
export function torchEngineFolder(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'engines', 'torch');
    if (existsSync(path)) return path;
  }
  throw new InvalidConfigError('torch: the package must hold engines/torch, got none; install tive again');
}
