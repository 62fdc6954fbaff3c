import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'tive-light-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Packages that take a tenth of a second or more to load. */
const HEAVY =
  /^(@temporalio\/.*|@tensorflow\/.*|@aws-sdk\/.*|apache-arrow|sharp|hyparquet.*|@huggingface\/.*|linkedom)$/;

/** Packages that a command loads, in the order of loading. */
function packagesOf(words: readonly string[]): { packages: string[]; stdout: string } {
  const log = join(folder, 'imports.log');
  writeFileSync(log, '');
  const preload = pathToFileURL(join(root, 'test/fixtures/log-imports.mjs')).href;
  const { stdout } = spawnSync(process.execPath, ['--import', preload, join(root, 'setup/tive.mjs'), ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, IMPORT_LOG: log },
  });
  const names = readFileSync(log, 'utf8')
    .split('\n')
    .flatMap((url) => /.*\/node_modules\/(@[^/]+\/[^/]+|[^/]+)\//.exec(url)?.[1] ?? []);
  return { packages: [...new Set(names)], stdout };
}

describe('a light command', () => {
  mkdirSync(join(folder, 'runs/done'), { recursive: true });
  writeFileSync(join(folder, 'runs/done/result.json'), JSON.stringify({ stages: [] }));

  test.each([
    ['--help'],
    ['--version'],
    ['run --help'],
    ['list'],
    ['list presets'],
    ['status done'],
    ['completion bash'],
    ['no-such-command'],
  ])('%s loads the words of the command line and nothing else', (words) => {
    expect(packagesOf(words.split(' ')).packages.sort()).toEqual(['@commander-js/extra-typings', 'commander']);
  });

  test('schema loads what describes recipes, and nothing that computes or connects', () => {
    const { packages, stdout } = packagesOf(['schema']);
    expect(packages).toContain('zod');
    expect(packages.filter((name) => HEAVY.test(name))).toEqual([]);
    expect(JSON.parse(stdout)).toHaveProperty('title', 'Recipe of tive');
  });

  test('a command that reads tables is seen to load more', () => {
    expect(packagesOf(['show', 'done', '0']).packages.filter((name) => HEAVY.test(name))).toContain('apache-arrow');
  });
});
