// What a fresh clone needs before its TypeScript can run: packages by the lockfile, and the build. Plain JavaScript
// without dependencies. In an installed package there is nothing to do.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const OLDEST_NODE = [20, 19];
const SOURCE_FOLDERS = [
  'contracts',
  'workflows',
  'activities',
  'algorithms',
  'dataset',
  'model',
  'store',
  'tables',
  'plugins',
  'workers',
  'client',
  'report',
  'page/server',
  'setup',
  'bench',
  'examples',
];

const SOURCE_FILES = ['page/api.ts', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];

/** What the page is built of. */
const PAGE_FOLDERS = ['page/app', 'contracts', 'report'];

/** Checks the Node version, then installs and builds what is missing or out of date. */
export function bootstrap() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    fail(
      `node: version must be at least ${OLDEST_NODE.join('.')}, got ${process.versions.node}; install Node 20.19, 22 or 24`,
    );
  }
  if (!existsSync(join(root, 'tsconfig.build.json'))) return;
  withLock(() => {
    installPackages();
    build();
    buildPage();
  });
}

/** Packages exactly as in the lockfile, without install scripts; skipped while the lockfile is the one installed. */
function installPackages() {
  const wanted = hashOf(readFileSync(join(root, 'package-lock.json')));
  const stamp = join(root, 'node_modules', '.tive-lockfile');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('installing packages (npm ci)');
  run(process.platform === 'win32' ? 'npm.cmd' : 'npm', [
    'ci',
    '--ignore-scripts',
    '--no-fund',
    '--no-audit',
    '--loglevel=error',
  ]);
  writeFileSync(stamp, wanted);
}

/** JavaScript from TypeScript, and the workflow bundle; skipped while no source changed. */
function build() {
  const stamp = join(root, 'dist', '.tive-sources');
  const wanted = hashOf(sourceList(SOURCE_FOLDERS, /\.(ts|json)$/, SOURCE_FILES));
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('building');
  rmSync(stamp, { force: true });
  run(process.execPath, [join(root, 'node_modules/typescript-native/bin/tsc'), '-p', 'tsconfig.build.json']);
  run(process.execPath, [join(root, 'dist/workers/build-bundle.js')]);
  writeFileSync(stamp, wanted);
}

/** The page's script and style sheet, in two seconds; skipped while nothing that goes into them changed. */
function buildPage() {
  const stamp = join(root, 'dist', '.tive-page');
  const wanted = hashOf(sourceList(PAGE_FOLDERS, /\.(tsx?|css|html|svg|mjs)$/, ['page/api.ts', 'package-lock.json']));
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('building the page');
  rmSync(stamp, { force: true });
  run(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--config', 'page/app/vite.config.mjs']);
  writeFileSync(stamp, wanted);
}

/** Names, sizes and times of all sources: cheap, and different whenever one was edited. */
function sourceList(folders, pattern, files) {
  const lines = [];
  const demoData = join(root, 'examples/demo/data');
  const visit = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        // The demo's data: thousands of pictures, and rows that no source imports.
        if (path !== demoData) visit(path);
      } else if (pattern.test(entry.name)) {
        const { size, mtimeMs } = statSync(path);
        lines.push(`${path} ${size} ${mtimeMs}`);
      }
    }
  };
  for (const folder of folders) if (existsSync(join(root, folder))) visit(join(root, folder));
  for (const name of files) {
    const { size, mtimeMs } = statSync(join(root, name));
    lines.push(`${name} ${size} ${mtimeMs}`);
  }
  return lines.sort().join('\n');
}

/** One set-up of a checkout at a time: a second command waits for the first. */
function withLock(work) {
  const cache = process.env.TIVE_CACHE || join(homedir(), '.cache', 'tive');
  const lock = join(cache, 'locks', `${hashOf(root).slice(0, 16)}.lock`);
  mkdirSync(dirname(lock), { recursive: true });
  let told = false;
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (isStale(lock)) rmSync(lock, { recursive: true, force: true });
      else {
        if (!told) say('another command is setting up; waiting');
        told = true;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      }
    }
  }
  writeFileSync(join(lock, 'pid'), String(process.pid));
  try {
    work();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** Whether the process that holds the lock is gone. */
function isStale(lock) {
  const pid = pidIn(lock);
  if (pid === 0) {
    const { mtimeMs } = statSync(lock, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
    return Date.now() - mtimeMs > 5000;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** The owner; 0 where there is no whole pid: it has just made the lock, or died or met a full disk in between. */
function pidIn(lock) {
  try {
    return Number(readFileSync(join(lock, 'pid'), 'utf8')) || 0;
  } catch {
    return 0;
  }
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error) fail(`setup: ${command} must start, got ${error.message}`);
  if (status !== 0) fail(`setup: ${command} ${args[0] ?? ''} must succeed, got exit code ${status}`);
}

function hashOf(data) {
  return createHash('sha256').update(data).digest('hex');
}

function say(text) {
  process.stderr.write(`tive set-up: ${text}\n`);
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}
