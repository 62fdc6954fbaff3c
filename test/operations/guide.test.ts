import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CALLER_ERRORS, NON_RETRYABLE_ERRORS, WORKER_DRAINING } from '../../contracts/failures.ts';
import { REASONS } from '../../contracts/reasons.ts';
import { METRICS } from '../../activities/shared/metrics.ts';
import { readText } from './container.ts';

const guide = readText('docs/operations.md');

describe('docs/operations.md', () => {
  test.each([...new Set([...NON_RETRYABLE_ERRORS, ...CALLER_ERRORS, WORKER_DRAINING])])('explains %s', (name) => {
    expect(guide).toContain(`\`${name}\``);
  });

  test('explains every reason code once, and none that does not exist', () => {
    const table = guide.slice(guide.indexOf('| codes | meaning |'));
    const named = table.split('\n').flatMap((line) => line.split('|')[1]?.match(/[a-z0-9]+(_[a-z0-9]+)+/g) ?? []);
    expect(named.sort()).toEqual([...REASONS].sort());
  });

  test('has a line with the labels of every metric', () => {
    for (const [name, { labels }] of Object.entries(METRICS)) {
      const line = guide.split('\n').find((text) => text.startsWith(`| \`${name}\` |`));
      expect(line, name).toBeDefined();
      const shown = line!.split('|')[2]!.match(/\w+/g) ?? [];
      expect(shown).toEqual([...labels]);
    }
  });

  test('links to files that exist', () => {
    for (const [, path] of guide.matchAll(/\]\((\.\.[^)]+)\)/g))
      expect(existsSync(join(import.meta.dirname, '../../docs', path!)), path).toBe(true);
  });
});
