import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cacheFolder } from '../../store/machine-folder.ts';
import { withLock } from '../../setup/cache.ts';

/** The server that the tests were written against. */
const MODULE = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
/** Not optimised and without what debuggers need: it serves a few files, and is built in two thirds of the time. */
const BUILD_FLAGS = ['-gcflags=all=-N -l -dwarf=false', '-ldflags=-s -w'];
/** Building it takes minutes, once. */
export const INSTALL_TIMEOUT_MS = 900_000;
const START_TIMEOUT_MS = 20_000;

/** Credentials of the server; words that appear nowhere else, so a test can look for them. */
export const ACCESS_KEY = 'tive-test-access-key';
export const SECRET_KEY = 'tive-test-secret-key';

/** An S3 server on the loopback that keeps its buckets in a temporary folder. */
export interface S3Server {
  /** e.g. `http://127.0.0.1:41001` */
  endpoint: string;
  /** Name of its one bucket. */
  bucket: string;
  /** Folder of the bucket's files. */
  folder: string;
  /** What a process needs to reach it. */
  environment: Record<string, string>;
  stop(): Promise<void>;
}

/** Starts versitygw with one bucket. @returns the reason in words where there is no such program on this machine */
export async function startS3Server(): Promise<S3Server | string> {
  const program = await findProgram();
  if (program.path === null) return program.reason;
  const root = await mkdtemp(join(tmpdir(), 'tive-s3-server-'));
  const bucket = 'tive-bucket';
  await mkdir(join(root, 'data', bucket), { recursive: true });
  const port = await freePort();
  const child = spawn(program.path, ['--quiet', '--port', `127.0.0.1:${port}`, 'posix', join(root, 'data')], {
    env: { PATH: process.env['PATH'], ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
    stdio: 'ignore',
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await rm(root, { recursive: true, force: true });
  };
  if (!(await isReached(port, child))) {
    await stop();
    return `versitygw must listen within ${START_TIMEOUT_MS / 1000} s, got nothing (exit code ${child.exitCode})`;
  }
  const endpoint = `http://127.0.0.1:${port}`;
  const environment = {
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: ACCESS_KEY,
    AWS_SECRET_ACCESS_KEY: SECRET_KEY,
  };
  return { endpoint, bucket, folder: join(root, 'data', bucket), environment, stop };
}

/** From `PATH`, the Go folder, or built once into the cache. */
async function findProgram(): Promise<{ path: string } | { path: null; reason: string }> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const go = spawnSync('go', ['env', 'GOPATH'], { encoding: 'utf8' });
  if (go.status === 0) folders.push(join(go.stdout.trim(), 'bin'));
  const target = join(cacheFolder(), 'go-bin');
  const find = (): string | undefined =>
    [...folders, target].map((folder) => join(folder, 'versitygw')).find((path) => existsSync(path));
  const found = find();
  if (found !== undefined) return { path: found };
  if (go.status !== 0) return { path: null, reason: 'S3 server: versitygw or Go must be installed, got neither' };
  return withLock('versitygw', async () => {
    const path = find();
    if (path !== undefined) return { path };
    const said = await install(target);
    return said === null ? { path: join(target, 'versitygw') } : { path: null, reason: `S3 server: ${said}` };
  });
}

/** @returns null, or why not */
async function install(target: string): Promise<string | null> {
  await mkdir(target, { recursive: true });
  const env = { ...process.env, GOBIN: target, CGO_ENABLED: '0' };
  const child = spawn('go', ['install', ...BUILD_FLAGS, MODULE], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const status = await new Promise((resolve) => child.once('close', resolve));
  return status === 0 ? null : `go install versitygw must succeed, got ${said.trim().split('\n').at(-1) ?? status}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await promisify(server.close.bind(server))();
  return port;
}

async function isReached(port: number, child: ChildProcess): Promise<boolean> {
  for (const start = Date.now(); Date.now() - start < START_TIMEOUT_MS && child.exitCode === null;) {
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return true;
    await sleep(50);
  }
  return false;
}
