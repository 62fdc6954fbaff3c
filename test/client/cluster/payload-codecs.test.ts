import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { payloadOptions } from '../../../workers/payload-codecs.ts';
import { Component } from '../../chaos/component.ts';
import { startServer } from '../../operations/live.ts';
import { writeSmallDataset } from '../small-dataset.ts';
import { tive } from '../in-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-codecs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => void vi.unstubAllEnvs());

const ENCRYPTION = join(import.meta.dirname, '../../../examples/encryption.mjs');
const keyOf = (digit: string): string => digit.repeat(64);

test.each([
  ['is not there', null, /^TIVE_PAYLOAD_CODECS: module must export payloadCodecs, a list of codecs, got Cannot find/],
  ['exports nothing', 'export const codecs = [];', /got undefined in /],
  ['exports none', 'export const payloadCodecs = [];', /got object in /],
  ['exports other things', 'export const payloadCodecs = [{ encode: 1 }];', /got object in /],
])('a module that %s is refused', async (name, text, message) => {
  const path = join(folder, `${name.replaceAll(' ', '-')}.mjs`);
  if (text !== null) writeFileSync(path, text);
  await expect(payloadOptions({ TIVE_PAYLOAD_CODECS: path })).rejects.toThrow(message);
});

test('without the variable payloads stay as they are', async () => {
  expect(await payloadOptions({})).toEqual({});
});

/** All payloads of a history, decoded from base64 as the server sees them. */
function payloadTexts(json: string): string {
  return [...json.matchAll(/"data": ?"([^"]*)"/g)]
    .map(([, data]) => Buffer.from(data!, 'base64').toString())
    .join('\n');
}

test(
  'with encryption a run ends as ever, and the server sees neither paths nor tasks',
  { timeout: 180_000 },
  async ({ skip }) => {
    const { server, refusal } = await startServer(folder);
    if (server === null) return skip(refusal);
    onTestFinished(() => server.stop());
    const { address } = server;
    vi.stubEnv('TIVE_PAYLOAD_CODECS', ENCRYPTION);
    vi.stubEnv('TIVE_PAYLOAD_KEY', keyOf('a'));
    for (const args of [['control'], ['compute', '--processes', '1']]) {
      const worker = new Component(join(folder, args[0]!), args[0]!, ['worker', ...args, '--address', address], {});
      worker.start();
      onTestFinished(() => worker.stop());
    }
    writeSmallDataset(folder);
    const run = await tive(folder, 'run', 'recipe.yaml', '--until', 'values', '--address', address);
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stderr).toMatch(/gradients: done/);

    const connection = await Connection.connect({ address });
    onTestFinished(() => connection.close());
    const history = await new Client({ connection }).workflow.getHandle('tive-small').fetchHistory();
    const seen = payloadTexts(historyToJSON(history));
    expect(seen.length).toBeGreaterThan(1000);
    for (const word of [folder, 'recipe', 'lambda', 'artifacts/', 'name', 'tell'])
      expect(seen.includes(word), word).toBe(false);

    vi.stubEnv('TIVE_PAYLOAD_KEY', keyOf('b'));
    const dataConverter = (await import(`${ENCRYPTION}?another-key`)) as { payloadCodecs: PayloadCodec[] };
    const other = new Client({ connection, dataConverter }).workflow.getHandle('tive-small');
    await expect(other.result()).rejects.toThrow(
      'TIVE_PAYLOAD_KEY: must be the key that the payload was encrypted with, got another one',
    );
  },
);
