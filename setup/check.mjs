// `npm test`: set-up, type check, lint, format, tests; ends with one line `N passed, N failed`. A check counts as one test.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './bootstrap.mjs';
import { prepareTestEnvironment } from './test-environment.mjs';

const environment = await prepareTestEnvironment();

const totals = { passed: 0, failed: 0, skipped: [] };
check('type check', 'typescript/bin/tsc', ['--noEmit']);
check('lint', 'eslint/bin/eslint.js', ['.', '--max-warnings', '0']);
check('format', 'prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.']);
runTests();

for (const { name, reason } of totals.skipped) console.log(`skipped: ${name} (${reason})`);
const skipped = totals.skipped.length > 0 ? `, ${totals.skipped.length} skipped` : '';
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped}`);
process.exit(totals.failed === 0 ? 0 : 1);

/** Runs a tool of node_modules to its end. */
function runTool(tool, args, extra = {}) {
  const command = [join(root, 'node_modules', tool), ...args];
  return (
    spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit', env: { ...environment, ...extra } }).status ===
    0
  );
}

function check(name, tool, args) {
  const passed = runTool(tool, args);
  console.log(`${passed ? 'ok' : 'FAILED'}: ${name}`);
  totals[passed ? 'passed' : 'failed'] += 1;
}

/** All tests; what they count comes from the reporter's file, and a run that breaks off counts as a failure. */
function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'tive-check-'));
  const file = join(folder, 'totals.json');
  const reporters = ['--reporter=default', '--reporter=./test/totals-reporter.ts'];
  const passed = runTool('vitest/vitest.mjs', ['run', ...reporters], { TIVE_TEST_TOTALS: file });
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
