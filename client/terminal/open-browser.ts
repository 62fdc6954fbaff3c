// A page in the user's browser.
import { spawn } from 'node:child_process';

/** Opens a file or an address with what the desktop opens it with; nothing happens where there is none. */
export function openBrowser(place: string): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  spawn(program, [place], { detached: true, stdio: 'ignore' })
    .on('error', () => undefined)
    .unref();
}
