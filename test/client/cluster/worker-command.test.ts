import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { tive } from '../in-process.ts';
import { tiveProcess } from '../tive-process.ts';

test.each(['localhost:9464', '9464', '127.0.0.1:0'])(
  'metrics at %s are refused with what is wanted',
  async (address) => {
    const { exitCode, stderr } = await tive(tmpdir(), 'worker', 'control', '--metrics', address);
    expect(stderr).toBe(
      `error: option '--metrics <ip:port>' argument '${address}' is invalid. must be IP:PORT, got "${address}"; ` +
        '0.0.0.0:9464 serves on all interfaces\n',
    );
    expect(exitCode).toBe(2);
  },
);

test('a metrics port that is taken ends the command with exit code 2', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => void server.close());
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { exitCode, stderr } = await tiveProcess(tmpdir(), 'worker', 'control', '--metrics', address);
  expect(stderr).toMatch(/^--metrics: address must be free and of this machine, got 127\.0\.0\.1:\d+: .*in use/);
  expect(exitCode).toBe(2);
});

test('an unknown log format is refused with the known ones', async () => {
  const { exitCode, stderr } = await tive(tmpdir(), 'worker', 'control', '--log-format', 'xml');
  expect(stderr).toContain("argument 'xml' is invalid. Allowed choices are json, text.");
  expect(exitCode).toBe(2);
});
