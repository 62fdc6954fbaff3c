// Which Python runs the torch engine.
import { InvalidConfigError } from '../../contracts/failures.ts';

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
