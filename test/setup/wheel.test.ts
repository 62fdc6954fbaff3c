import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { unpackWheel } from '../../setup/wheel.ts';
import { scratch } from './scratch.ts';

const WHEEL = 'thing-cpu==1.2.3';

describe('unpackWheel', () => {
  test('unpacks once: the second call runs nothing', async () => {
    const { cache, python, calls } = scratch();
    python({ files: ['thing/lib.so', 'thing-1.2.3.dist-info/METADATA'] });
    const folder = await unpackWheel(WHEEL);
    expect(folder).toBe(join(cache, 'wheels', 'thing-cpu-1.2.3'));
    expect(readdirSync(folder).sort()).toEqual(['thing', 'thing-1.2.3.dist-info']);
    expect(existsSync(join(folder, 'thing', 'lib.so'))).toBe(true);
    expect(readdirSync(join(cache, 'wheels'))).toEqual(['thing-cpu-1.2.3']);
    const [download, unpack, ...more] = calls();
    expect(download).toMatch(/^python3 -m pip download .*--no-deps .*--dest \S+ thing-cpu==1\.2\.3$/);
    expect(unpack).toMatch(/^python3 -m zipfile -e \S+\/package-1\.0-py3-none-any\.whl \S+$/);
    expect(more).toEqual([]);
    expect(await unpackWheel(WHEEL)).toBe(folder);
    expect(calls()).toHaveLength(2);
  });

  test('takes `python` where there is no `python3`', async () => {
    const { python, calls } = scratch();
    python({ files: ['thing/lib.so'], name: 'python' });
    await unpackWheel(WHEEL);
    expect(calls()[0]).toMatch(/^python -m pip download/);
  });

  test('leaves nothing behind when pip fails, and says what pip said', async () => {
    const { cache, python } = scratch();
    const path = python({ failure: 'ERROR: No matching distribution found' });
    await expect(unpackWheel(WHEEL)).rejects.toThrow(
      `${path} must succeed, got noise ERROR: No matching distribution found`,
    );
    expect(readdirSync(join(cache, 'wheels'))).toEqual([]);
    python({ files: ['thing/lib.so'] });
    expect(readdirSync(await unpackWheel(WHEEL))).toEqual(['thing']);
  });

  test('leaves nothing behind when unpacking fails half-way', async () => {
    const { cache, program } = scratch();
    const download = 'while [ "$1" != --dest ]; do shift; done; touch "$2/thing.whl"';
    program('python3', `case "$2" in pip) ${download} ;; *) mkdir -p "$5/thing"; echo "disk full" >&2; exit 1 ;; esac`);
    await expect(unpackWheel(WHEEL)).rejects.toThrow(/must succeed, got disk full$/);
    expect(readdirSync(join(cache, 'wheels'))).toEqual([]);
  });

  test('says so when pip brings sources instead of a wheel', async () => {
    const { program } = scratch();
    program('python3', 'while [ "$1" != --dest ]; do shift; done; touch "$2/thing-1.2.3.tar.gz"');
    await expect(unpackWheel(WHEEL)).rejects.toThrow(
      'setup: thing-cpu==1.2.3 must have a wheel for this machine, got none',
    );
  });

  test('says so when there is no Python', async () => {
    const { cache } = scratch();
    await expect(unpackWheel(WHEEL)).rejects.toThrow('setup: python3 must be on PATH to fetch a wheel, got none');
    expect(existsSync(join(cache, 'wheels'))).toBe(false);
  });

  test('does not take an empty folder, or what a killed process left, for done', async () => {
    const { cache, python } = scratch();
    python({ files: ['thing/lib.so'] });
    mkdirSync(join(cache, 'wheels', 'thing-cpu-1.2.3'), { recursive: true });
    const left = join(cache, 'wheels', `thing-cpu-1.2.3.${process.pid}.partial`, 'content');
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, 'half'), '');
    expect(readdirSync(await unpackWheel(WHEEL))).toEqual(['thing']);
    expect(readdirSync(join(cache, 'wheels'))).toEqual(['thing-cpu-1.2.3']);
  });
});
