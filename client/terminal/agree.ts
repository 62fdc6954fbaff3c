// Asking a person on the terminal.
import { createInterface } from 'node:readline/promises';
import { InvalidConfigError } from '../../contracts/failures.ts';

/**
 * Asks for a yes on the terminal.
 * @param isAgreedBefore by an option
 * @throws InvalidConfigError where there is nobody to ask
 */
export async function isAgreed(question: string, isAgreedBefore: boolean): Promise<boolean> {
  if (isAgreedBefore) return true;
  if (!process.stdin.isTTY) throw new InvalidConfigError('store: somebody must agree, got no terminal; add --yes');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${question} [y/N] `);
  lines.close();
  return /^y(es)?$/i.test(answer.trim());
}
