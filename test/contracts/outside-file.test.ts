import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { fileSize, readTextFile } from '../../contracts/outside-file.ts';
import { readArchitecture } from '../../model/architectures/read-architecture.ts';
import { checkModelFiles } from '../../model/model-files.ts';
import { openSafetensors } from '../../model/safetensors.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-outside-'));
const server = createServer();
beforeAll(async () => {
  execFileSync('mkfifo', [join(folder, 'pipe'), join(folder, 'config.json'), join(folder, 'model.safetensors')]);
  mkdirSync(join(folder, 'folder'));
  writeFileSync(join(folder, 'text'), 'four');
  await new Promise<void>((resolve) => server.listen(join(folder, 'socket'), resolve));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a file of others', () => {
  test('is read where it is one, and is null where there is none', async () => {
    expect(await readTextFile(join(folder, 'text'))).toBe('four');
    expect(await fileSize(join(folder, 'text'))).toBe(4);
    expect(await readTextFile(join(folder, 'none'))).toBeNull();
    expect(await readTextFile(join(folder, 'text/below'))).toBeNull();
  });

  test.each([
    ['pipe', 'a pipe'],
    ['socket', 'a socket'],
    ['folder', 'a folder'],
  ])('is refused where it is %s, and not waited for', async (name, kind) => {
    const path = join(folder, name);
    await expect(readTextFile(path)).rejects.toThrow(
      new InvalidConfigError(`${name}: must be a file, got ${kind} at ${path}`),
    );
    await expect(openSafetensors(path)).rejects.toThrow(`must be a file, got ${kind}`);
  });

  test('is refused where it is a device', async () => {
    await expect(readTextFile('/dev/zero')).rejects.toThrow('zero: must be a file, got a device at /dev/zero');
  });

  test('of a model folder is held so as well', async () => {
    await expect(readArchitecture(folder)).rejects.toThrow('config.json: must be a file, got a pipe');
    await expect(checkModelFiles(folder)).rejects.toThrow('must be a file, got a pipe');
  });
});

test('a header of weights that is nested too deep is refused by its file', async () => {
  const header = Buffer.from(`{"a":${'['.repeat(10_000)}${']'.repeat(10_000)}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const path = join(folder, 'deep.safetensors');
  writeFileSync(path, Buffer.concat([length, header]));
  await expect(openSafetensors(path)).rejects.toThrow(
    'deep.safetensors: header must be nested at most 500 deep, got more; fetch the original file',
  );
});
