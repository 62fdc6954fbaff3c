// Running other programs.
import { execFile } from 'node:child_process';
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Output of a finished command; both streams belong to what it says. */
export interface CommandOutput {
  stdout: string;
  stderr: string;
}

/**
 * Runs a program without a shell.
 * @param onLine gets what it writes to stdout, line by line, as it comes
 * @throws Error with the last lines of its output when it fails
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
  onLine?: (line: string) => void,
): Promise<CommandOutput> {
  try {
    const running = execute(program, [...args], { env: environment, maxBuffer: 64 * 1024 * 1024 });
    const { stdout } = running.child;
    if (onLine !== undefined && stdout !== null) createInterface({ input: stdout }).on('line', onLine);
    return await running;
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    const said = stderr.trim().split('\n').slice(-3).join(' ').trim();
    throw new Error(`${program} must succeed, got ${said === '' ? message : said}`, { cause: error });
  }
}

/** Full path of the first of the programs that there is, by full path or on `PATH`, or null. */
export async function findProgram(...names: string[]): Promise<string | null> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    const paths = isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
    for (const path of paths) if (await isExecutable(path)) return path;
  }
  return null;
}

/** Whether it is a file that may be run; folders may be "executed" too. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
