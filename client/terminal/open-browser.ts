// A page in the user's browser.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Opens a file or an address with what the desktop opens it with; nothing happens where there is none. */
export function openBrowser(place: string): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  spawn(program, [place], { detached: true, stdio: 'ignore' })
    .on('error', () => undefined)
    .unref();
}

/**
 * Opens an address that is a secret: every user of the machine sees the words of a command, so the browser is given a
 * file of its owner's alone that leads there.
 * @returns removes the file
 */
export async function openSecretly(address: string): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'tive-open-'));
  const file = join(folder, 'page.html');
  const page = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=${address}"><title>tive</title>`;
  await writeFile(file, page, { mode: 0o600 });
  openBrowser(file);
  return () => rm(folder, { recursive: true, force: true });
}
