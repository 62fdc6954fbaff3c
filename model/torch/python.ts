// Which Python runs the torch engine, and where the engine's package lies.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InvalidConfigError } from '../../contracts/failures.ts';

/** The package that `python -m` runs, below {@link enginePath}. */
export const ENGINE_MODULE = 'tive_torch';

/**
 * The Python that the torch engine runs in: `TIVE_PYTHON`, as the user or set-up has put it into the environment; null
 * where there is none.
 */
export function torchPython(): string | null {
  return process.env['TIVE_PYTHON'] || null;
}

/** The same where the torch engine was asked for by name. @throws InvalidConfigError where there is none */
export function requireTorchPython(): string {
  const python = torchPython();
  if (python !== null) return python;
  throw new InvalidConfigError(
    'model.engine: torch must have a Python with torch, got none; run `tive setup torch`, or set TIVE_PYTHON',
  );
}

/** The folder `engines/torch` of this package: beside the sources, or beside the build. */
export function enginePath(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'engines', 'torch');
    if (existsSync(path)) return path;
  }
  throw new InvalidConfigError('torch: the package must hold engines/torch, got none; install tive again');
}
