import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Output of a finished command; both streams belong to what it says. */
export interface CommandOutput {
  stdout: string;
  stderr: string;
}

/** Runs a program without a shell. @throws Error with the last lines of its output when it fails */
export async function runCommand(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<CommandOutput> {
  try {
    return await execute(program, [...args], { env: environment, maxBuffer: 64 * 1024 * 1024 });
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    const said = stderr.trim().split('\n').slice(-3).join(' ').trim();
    throw new Error(`${program} must succeed, got ${said === '' ? message : said}`, { cause: error });
  }
}

/** Full path of the first of the programs that `PATH` holds, or null. */
export async function findProgram(...names: string[]): Promise<string | null> {
  for (const name of names) {
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      const path = join(folder, name);
      if (folder !== '' && (await isExecutable(path))) return path;
    }
  }
  return null;
}

/** Whether the file exists and may be run. */
export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
