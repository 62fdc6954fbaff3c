// The torch engine for tests that need it: without it they are skipped by name.
import { describe } from 'vitest';
import { cachedTorch } from '../setup/torch-python.ts';

/** The Python of the torch engine: `TIVE_PYTHON`, else what `tive setup torch` has made; null without either. */
export function torchPython(): string | null {
  return process.env['TIVE_PYTHON'] || (cachedTorch()?.path ?? null);
}

/** Tests that run the torch engine. Where it is missing, their names say so. */
export function describeTorch(name: string, body: (python: string) => void): void {
  const python = torchPython();
  if (python === null) describe.skip(`${name} (no torch here: tive setup torch)`, () => body(''));
  else describe(name, () => body(python));
}
