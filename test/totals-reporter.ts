import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

/** What a file's tests came to. */
interface FileTotals {
  project: string;
  file: string;
  passed: number;
  /** Names; an error outside tests has the file's. */
  failed: string[];
  skipped: { name: string; reason: string }[];
}

/** Writes what ran, failed and was left out, with reasons, to the file that `TIVE_TEST_TOTALS` names. */
export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const path = process.env['TIVE_TEST_TOTALS'];
    if (path !== undefined)
      writeFileSync(path, JSON.stringify({ files: modules.map(totalsOf), errorCount: errors.length }));
  }
}

function totalsOf(module: TestModule): FileTotals {
  const file = relative(process.cwd(), module.moduleId);
  const totals: FileTotals = { project: module.project.name, file, passed: 0, failed: [], skipped: [] };
  for (const test of module.children.allTests()) {
    const result = test.result();
    if (result.state === 'passed') totals.passed += 1;
    else if (result.state === 'failed') totals.failed.push(test.fullName);
    else
      totals.skipped.push({
        name: test.fullName,
        reason: (result.state === 'skipped' && result.note) || 'no reason given',
      });
  }
  // A hook or an import that fails leaves tests skipped.
  if (!module.ok() && totals.failed.length === 0) totals.failed.push(file);
  return totals;
}
