import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { COMPUTE_QUEUE, CONTROL_QUEUE } from '../../contracts/queues.ts';
import { prepareTemporal } from '../../setup/temporal.ts';
import { STOP_TIMEOUT_MS } from '../../workers/supervisor.ts';
import { startTive } from '../client/tive-process.ts';
import { isPinned, milliseconds, readText, readYaml } from './container.ts';
import { freePorts, terminate, untilPolled } from './live.ts';

interface Service {
  image: string;
  command: string[];
  user?: string;
  restart?: string;
  stop_grace_period?: string;
  healthcheck?: { test: string[] };
  volumes?: string[];
  deploy?: { replicas: number };
  profiles?: string[];
  depends_on?: Record<string, { condition: string }>;
}

const [file] = readYaml('docker-compose.yml') as [{ services: Record<string, Service>; volumes: object }];
const { services } = file;
const workers = Object.entries(services).filter(([, { command }]) => command[0] === 'worker');

describe('docker-compose.yml', () => {
  test('has a server, a control worker, two compute workers, and a store on demand', () => {
    expect(Object.keys(services)).toEqual(['temporal', 'control', 'compute', 's3']);
    expect(services['compute']!.deploy!.replicas).toBe(2);
    expect(services['s3']!.profiles).toEqual(['s3']);
  });

  test.each(Object.entries(services))('%s starts again, runs as user 1000, and has a health check', (_, service) => {
    expect(service.restart).toBe('unless-stopped');
    expect(service.user).toBe('1000:1000');
    expect(service.healthcheck!.test[0]).toBe('CMD');
    expect(service.image).toSatisfy(isPinned);
  });

  test.each(Object.entries(services))('%s is stopped later than the longest drain ends', (_, service) => {
    expect(milliseconds(service.stop_grace_period!)).toBeGreaterThan(STOP_TIMEOUT_MS);
  });

  test('the supervisor waits longer than a compute process may take to drain', () => {
    const forced = /shutdownForceTime: '(\w+)'/.exec(readText('workers/compute-worker.ts'))![1]!;
    expect(STOP_TIMEOUT_MS).toBeGreaterThan(milliseconds(forced));
  });

  test('keeps data in named volumes alone', () => {
    for (const { volumes = [] } of Object.values(services))
      for (const volume of volumes) expect(Object.keys(file.volumes)).toContain(volume.split(':')[0]);
  });

  test('workers wait for the server, and are checked on the port where they serve metrics', () => {
    expect(workers.map(([name]) => name)).toEqual(['control', 'compute']);
    for (const [, { command, depends_on, healthcheck }] of workers) {
      expect(depends_on).toEqual({ temporal: { condition: 'service_healthy' } });
      const port = command[command.indexOf('--metrics') + 1]!.split(':')[1];
      expect(healthcheck!.test.join(' ')).toContain(`http://127.0.0.1:${port}/metrics`);
    }
  });
});

describe('the commands of docker-compose.yml, run as processes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tive-compose-'));
  let program: string | null = null;
  let refusal = '';
  let address: string;
  let stopServer: () => Promise<void> = () => Promise.resolve();

  beforeAll(async () => {
    const found = await prepareTemporal(() => undefined).catch((error: Error) => error);
    if (found instanceof Error) {
      refusal = found.message;
      return;
    }
    program = found.path;
    const port = await freePorts(2);
    address = `127.0.0.1:${port}`;
    const command = services['temporal']!.command.map((word) =>
      word === '0.0.0.0' ? '127.0.0.1' : word.replace('/home/temporal', folder),
    );
    const ports = ['--port', String(port), '--ui-port', String(port + 1)];
    const server = spawn(program, [...command, ...ports], { stdio: 'ignore' });
    const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
    stopServer = () => {
      server.kill();
      return ended;
    };
    await vi.waitFor(() => expect(health()).toBe(0), { timeout: 60_000, interval: 200 });
  }, 120_000);
  afterAll(async () => {
    await stopServer();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Exit code of the server's health check. */
  function health(): number | null {
    const [, , ...words] = services['temporal']!.healthcheck!.test;
    const command = words.map((word) => word.replace('127.0.0.1:7233', address));
    return spawnSync(program!, command, { stdio: 'ignore' }).status;
  }

  beforeEach(({ skip }) => {
    if (program === null) skip(refusal);
  });

  test('the server comes up and is healthy', () => {
    expect(health()).toBe(0);
  });

  test.each([
    ['control', CONTROL_QUEUE],
    ['compute', COMPUTE_QUEUE],
  ])(
    '%s polls its queue, is healthy, and ends with exit code 0 on SIGTERM',
    async (name, queue) => {
      const port = await freePorts(2);
      const { command, healthcheck } = services[name]!;
      const words = command.map((word) =>
        word.replace('temporal:7233', address).replace('0.0.0.0:9464', `127.0.0.1:${port}`),
      );
      expect(words).not.toEqual(command);
      const worker = startTive(folder, ...words);
      onTestFinished(() => void worker.child.kill('SIGKILL'));
      await untilPolled(address, queue, 1);
      const [, , ...check] = healthcheck!.test.map((word) => word.replace('127.0.0.1:9464', `127.0.0.1:${port}`));
      expect(spawnSync(process.execPath, check, { stdio: 'ignore' }).status).toBe(0);
      const { exitCode, stderr } = await terminate(worker);
      expect(exitCode, stderr).toBe(0);
      expect(spawnSync(process.execPath, check, { stdio: 'ignore' }).status).toBe(1);
    },
    120_000,
  );
});
