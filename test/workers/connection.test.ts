import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connectionConfig } from '../../workers/connection.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-connection-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('TEMPORAL_')) vi.stubEnv(name, undefined);
  const profile = join(folder, 'temporal.toml');
  writeFileSync(profile, '[profile.default]\naddress = "cluster:7233"\nnamespace = "vision"\n');
  vi.stubEnv('TEMPORAL_CONFIG_FILE', profile);
});
afterEach(() => void vi.unstubAllEnvs());

describe('connectionConfig', () => {
  test('takes address and namespace from Temporal’s own configuration', () => {
    const { connectionOptions, namespace } = connectionConfig({ address: null, namespace: null });
    expect([connectionOptions.address, namespace]).toEqual(['cluster:7233', 'vision']);
    vi.stubEnv('TEMPORAL_ADDRESS', 'other:7233');
    expect(connectionConfig({ address: null, namespace: null }).connectionOptions.address).toBe('other:7233');
  });

  test('lets the given address and namespace win', () => {
    const { connectionOptions, namespace } = connectionConfig({ address: '127.0.0.1:7300', namespace: 'default' });
    expect([connectionOptions.address, namespace]).toEqual(['127.0.0.1:7300', 'default']);
  });

  test('takes namespace `default` where none is configured', () => {
    writeFileSync(join(folder, 'temporal.toml'), '[profile.default]\naddress = "cluster:7233"\n');
    expect(connectionConfig({ address: '127.0.0.1:7300', namespace: null }).namespace).toBe('default');
  });

  test('keeps keys and TLS of a profile from an embedded server', () => {
    vi.stubEnv('TEMPORAL_API_KEY', 'secret');
    const embedded = { address: '127.0.0.1:7300', namespace: null, isEmbedded: true };
    expect(connectionConfig(embedded)).toEqual({
      connectionOptions: { address: '127.0.0.1:7300' },
      namespace: 'default',
    });
  });

  test('keeps the API key, and with it TLS, for a given address', () => {
    vi.stubEnv('TEMPORAL_API_KEY', 'secret');
    const { connectionOptions } = connectionConfig({ address: 'cloud:7233', namespace: null });
    expect(connectionOptions).toMatchObject({ address: 'cloud:7233', apiKey: 'secret', tls: true });
  });
});
