// `npm test`: set-up, then tests, and beside them type check, lint and format; ends with one line `N passed, N failed`.
// A check counts as one test. `npm run quick` (--quick): tests that need no server and no command, checks of what
// changed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { prepareTestEnvironment } from './test-environment.mjs';

const isQuick = process.argv.includes('--quick');
const LINTED = /\.(tsx?|mjs)$/;

const environment = await prepareTestEnvironment();
const totals = { passed: 0, failed: 0, skipped: [] };
await Promise.all([runTests(), runChecks()]);

for (const { name, reason } of totals.skipped) console.log(`skipped: ${name} (${reason})`);
const skipped = totals.skipped.length > 0 ? `, ${totals.skipped.length} skipped` : '';
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exit(totals.failed === 0 ? 0 : 1);

/** One after the other: the tests have two cores already. */
async function runChecks() {
  const files = isQuick ? changedFiles() : ['.'];
  const linted = isQuick ? files.filter((file) => LINTED.test(file)) : files;
  const lintCache = ['--cache', '--cache-strategy', 'content', '--cache-location', 'node_modules/.cache/eslint/'];
  await check('type check', 'typescript/bin/tsc', ['--noEmit']);
  await check('type check of the page', 'typescript/bin/tsc', ['--noEmit', '-p', 'page/app']);
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
  totals[passed ? 'passed' : 'failed'] += 1;
}

/** Tests; what they count comes from the reporter's file, and a run that breaks off counts as a failure. */
async function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'tive-check-'));
  const file = join(folder, 'totals.json');
  const reporters = ['--reporter=default', '--reporter=./test/totals-reporter.ts'];
  const projects = isQuick ? ['--project', 'unit'] : [];
  const args = ['run', ...projects, ...reporters];
  const fuzz = isQuick ? { TIVE_FUZZ_FRACTION: '0.2' } : {};
  const { passed } = await runTool('vitest/vitest.mjs', args, { TIVE_TEST_TOTALS: file, ...fuzz }, 'inherit');
  try {
    const counted = JSON.parse(readFileSync(file, 'utf8'));
    totals.passed += counted.passed;
    totals.failed += counted.failed === 0 && !passed ? 1 : counted.failed;
    totals.skipped.push(...counted.skipped);
  } catch {
    totals.failed += 1;
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Runs a tool of node_modules to its end. */
function runTool(tool, args, extra, output) {
  const options = { cwd: root, stdio: ['inherit', output, output], env: { ...environment, ...extra } };
  const child = spawn(process.execPath, [join(root, 'node_modules', tool), ...args], options);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', (part) => (text += part));
  return new Promise((resolve) => child.once('close', (code) => resolve({ passed: code === 0, output: text })));
}
