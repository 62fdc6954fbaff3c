// `npm test`: set-up, then tests, and beside them type check, lint and format; ends with one line `N passed, N failed`.
// A check counts as one test. `npm run quick` (--quick): tests that need no server and no command, checks of what
// changed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { scratchFolder } from './scratch-folder.mjs';
import { prepareTestEnvironment } from './test-environment.mjs';

const isQuick = process.argv.includes('--quick');
/** More files than these that fail are no matter of the machine. */
const MOST_TRIED_AGAIN = 3;
const SHARES_MACHINE = new Set(['cli', 'chaos']);
const LINTED = /\.(tsx?|mjs)$/;

const environment = { ...(await prepareTestEnvironment()), TMPDIR: scratchFolder() };
const checks = { passed: 0, failed: 0 };
const [tests] = await Promise.all([runTests(isQuick ? ['--project', 'unit'] : []), runChecks()]);
await tryAgain();

const failed = checks.failed + tests.files.flatMap((file) => file.failed).length + tests.errorCount;
const passed = checks.passed + tests.files.reduce((sum, file) => sum + file.passed, 0);
const skipped = tests.files.flatMap((file) => file.skipped);
for (const { name, reason } of skipped) console.log(`skipped: ${name} (${reason})`);
console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
process.exit(failed === 0 ? 0 : 1);

/**
 * Files whose tests run clusters and commands share two cores with others, and a rare one runs out of its time. Once
 * the machine is quiet they are run alone a second time; what failed first is named, and what fails twice has failed.
 */
async function tryAgain() {
  const shaky = tests.files.filter(({ project, failed }) => SHARES_MACHINE.has(project) && failed.length > 0);
  if (shaky.length === 0 || shaky.length > MOST_TRIED_AGAIN) return;
  const names = shaky.flatMap((file) => file.failed);
  console.log(`\nonce more, alone:\n${names.map((name) => `  ${name}\n`).join('')}`);
  const again = await runTests(['--maxWorkers', '1', ...shaky.map(({ file }) => file)]);
  tests.files = [...tests.files.filter((file) => !shaky.includes(file)), ...again.files];
  tests.errorCount += again.errorCount;
  const stillFailed = new Set(again.files.flatMap((file) => file.failed));
  for (const name of names.filter((name) => !stillFailed.has(name))) console.log(`at the second try: ${name}`);
}

/** One after the other: the tests have two cores already. */
async function runChecks() {
  const files = isQuick ? changedFiles() : ['.'];
  const linted = isQuick ? files.filter((file) => LINTED.test(file)) : files;
  const lintCache = ['--cache', '--cache-strategy', 'content', '--cache-location', 'node_modules/.cache/eslint/'];
  await check('type check', 'typescript-native/bin/tsc', ['--noEmit']);
  await check('type check of the page', 'typescript-native/bin/tsc', ['--noEmit', '-p', 'page/app']);
  await check('lint', 'eslint/bin/eslint.js', [...lintCache, '--no-warn-ignored', '--max-warnings', '0', ...linted]);
  await check('types in use', 'oxlint/bin/oxlint', ['--type-aware', '--no-error-on-unmatched-pattern', ...linted]);
  await check('format', 'oxfmt/bin/oxfmt', ['--check', '--no-error-on-unmatched-pattern', ...files]);
}

/** Files that differ from the last commit, and new ones. */
function changedFiles() {
  const list = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.split('\0');
  const changed = list('diff', '--name-only', '--diff-filter=d', '--relative', '-z', 'HEAD');
  const files = [...changed, ...list('ls-files', '--others', '--exclude-standard', '-z')].filter((file) => file !== '');
  // A tool that gets no file takes all or none; this one is small and right.
  return files.length === 0 ? ['package.json', 'vitest.config.ts'] : files;
}

/** What it says is shown when it ends, and only where it says something, so that it does not mix with the tests'. */
async function check(name, tool, args) {
  const { passed, output } = await runTool(tool, args, {}, 'pipe');
  process.stdout.write(`${output}${passed ? 'ok' : 'FAILED'}: ${name}\n`);
  checks[passed ? 'passed' : 'failed'] += 1;
}

/** Tests; what they count comes from the reporter's file, and a run that breaks off counts as a failure. */
async function runTests(selection) {
  const folder = mkdtempSync(join(tmpdir(), 'tive-check-'));
  const file = join(folder, 'totals.json');
  const args = ['run', ...selection, '--reporter=default', '--reporter=./test/totals-reporter.ts'];
  const fuzz = isQuick ? { TIVE_FUZZ_FRACTION: '0.2' } : {};
  const { passed } = await runTool('vitest/vitest.mjs', args, { TIVE_TEST_TOTALS: file, ...fuzz }, 'inherit');
  const totals = readTotals(file);
  rmSync(folder, { recursive: true, force: true });
  const failed = totals.errorCount > 0 || totals.files.some((one) => one.failed.length > 0);
  return passed || failed ? totals : { ...totals, errorCount: 1 };
}

function readTotals(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { files: [], errorCount: 1 };
  }
}

/** Runs a tool of node_modules to its end. */
function runTool(tool, args, extra, output) {
  const options = { cwd: root, stdio: ['inherit', output, output], env: { ...environment, ...extra } };
  const child = spawn(process.execPath, [join(root, 'node_modules', tool), ...args], options);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (part) => (text += part));
  return new Promise((resolve) => child.once('close', (code) => resolve({ passed: code === 0, output: text })));
}
