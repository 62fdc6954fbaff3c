// A recipe's run as a command of its own, which goes on when its caller ends.
import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { namedRun } from './find-run.ts';

/** A command that has not begun within this is left to itself. */
const BEGIN_MS = 120_000;
const POLL_MS = 100;

/** The program, seen from the sources or from the build. */
const PROGRAM = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../setup/tive.mjs' : '../../../setup/tive.mjs', import.meta.url),
);

/**
 * Starts `tive run` in this process's folder, to which defaults of recipes are relative, and waits until the run has
 * begun.
 * @param runFolder where the run will be
 * @throws InvalidConfigError with the command's own words where it ends before that
 */
export async function startInBackground(recipe: string, runFolder: string): Promise<void> {
  const own = await mkdtemp(join(tmpdir(), 'tive-start-'));
  const errors = await open(join(own, 'stderr'), 'w', 0o600);
  try {
    const child = spawn(process.execPath, [PROGRAM, 'run', recipe, '--quiet'], {
      detached: true,
      stdio: ['ignore', 'ignore', errors.fd],
    });
    let ended: { code: number | null } | null = null;
    child.once('exit', (code) => (ended = { code }));
    child.once('error', () => (ended = { code: null }));
    const deadline = Date.now() + BEGIN_MS;
    const endOf = (): { code: number | null } | null => ended;
    while (endOf() === null && Date.now() < deadline) {
      if ((await namedRun(runFolder, '.')).address !== null) break;
      await sleep(POLL_MS);
    }
    child.unref();
    const end = endOf();
    if (end === null || end.code === 0) return;
    const said = (await readFile(join(own, 'stderr'), 'utf8')).trim();
    throw new InvalidConfigError(said === '' ? `run: must begin, got exit code ${end.code}` : said);
  } finally {
    await errors.close();
    await rm(own, { recursive: true, force: true });
  }
}
