// A command that waits for what can no longer come: it says so and fails.
import { EXIT } from './outcome.ts';

/** Node ends a process in which nothing is pending, whatever awaits: without a word, with exit code 13. */
export function endStalled(
  words: readonly string[],
  { stderr, exit }: { stderr: { write(text: string): unknown }; exit(code: number): unknown },
): void {
  const command = ['tive', ...words.slice(0, 2)].join(' ');
  stderr.write(
    `${command}: must end with a result, got nothing left to wait for; this is a defect of tive, please report it\n`,
  );
  exit(EXIT.failed);
}
