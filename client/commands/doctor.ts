// `tive doctor`: what this machine has.
import { existsSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { Command } from '@commander-js/extra-typings';
import { cacheFolder } from '../../store/machine-folder.ts';
import { prepareEngine, probeEngine } from '../../setup/prepare-engine.ts';
import { prepareTemporal, temporalVersion } from '../../setup/temporal.ts';
import { findTorch, torchText } from '../../setup/torch-python.ts';

/** `tive doctor`: what this machine has, in lines to paste into a bug report. */
export function doctorCommand() {
  return new Command('doctor')
    .description('versions, engines, cores, memory, disk and Temporal, to paste into a bug report')
    .option('--json', 'as JSON')
    .action(async ({ json }) => {
      const say = (text: string): void => void process.stderr.write(`${text}\n`);
      const lines: [string, string][] = [
        ['tive', packageVersion()],
        ['node', `${process.version} ${process.platform} ${process.arch}, kernel ${release()}`],
        ...(await engineLines(say)),
        ['torch', await torchLine()],
        ['temporal', await temporalLine(say)],
        ['cores', `${availableParallelism()} (${cpus()[0]?.model.trim() ?? 'unknown'})`],
        ['memory', `${gibibytes(totalmem())} GiB, ${gibibytes(freemem())} free`],
        ['disk', `${await freeDisk(process.cwd())} GiB free here, ${await freeDisk(cacheFolder())} in the cache`],
      ];
      const text = lines.map(([name, value]) => `${name.padEnd(10)} ${value}`).join('\n');
      process.stdout.write(`${json === true ? JSON.stringify(Object.fromEntries(lines), null, 2) : text}\n`);
    });
}

async function engineLines(say: (text: string) => void): Promise<[string, string][]> {
  const setup = await prepareEngine(say);
  const probed = setup.reason === null ? await probeEngine(setup) : { version: null, reason: setup.reason };
  if (probed.version === null) return [['engine', `wasm; not tensorflow: ${probed.reason}`]];
  const device = setup.gpuCount > 0 ? `${setup.gpuCount} GPUs` : 'CPU; no NVIDIA GPU found';
  return [['engine', `tensorflow ${probed.version}, ${device}`]];
}

async function torchLine(): Promise<string> {
  try {
    const torch = await findTorch();
    return torch === null ? 'not set up: tive setup torch' : torchText(torch);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function temporalLine(say: (text: string) => void): Promise<string> {
  try {
    const setup = await prepareTemporal(say);
    return `${await temporalVersion(setup)} (${setup.source})`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Free space of the file system that holds the folder, or would. */
async function freeDisk(folder: string): Promise<string> {
  let path = folder;
  while (!existsSync(path) && path !== dirname(path)) path = dirname(path);
  const { bavail, bsize } = await statfs(path);
  return gibibytes(bavail * bsize);
}

function gibibytes(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1);
}

/** From the package's own file: one folder up from the sources, two from the build. */
export function packageVersion(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
  }
  return 'unknown';
}
