import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

/** Writes what ran, failed and was left out, with reasons, to the file that `TIVE_TEST_TOTALS` names. */
export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const path = process.env['TIVE_TEST_TOTALS'];
    if (path === undefined) return;
    const totals = { passed: 0, failed: errors.length, skipped: [] as { name: string; reason: string }[] };
    for (const module of modules) {
      totals.failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') totals.passed += 1;
        else if (result.state === 'failed') totals.failed += 1;
        else
          totals.skipped.push({
            name: test.fullName,
            reason: (result.state === 'skipped' && result.note) || 'no reason given',
          });
      }
    }
    writeFileSync(path, JSON.stringify(totals));
  }
}
