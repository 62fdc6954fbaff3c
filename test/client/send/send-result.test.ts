import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { crc32c } from '../../../client/send/crc32c.ts';
import { logToMlflow } from '../../../client/send/mlflow.ts';
import { sendResult } from '../../../client/send/send-result.ts';
import { eventFile } from '../../../client/send/tensorboard.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { STAGES } from '../../../contracts/stages.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { trainingTable } from '../../../tables/training.ts';
import { makeArtifact } from '../../tables/artifact.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-send-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Call {
  method: string;
  url: string;
  authorization: string | undefined;
  body: Record<string, unknown>;
}

let server: Server;
let address: string;
let calls: Call[];
let answer: (call: Call) => { status: number; body: object };

beforeEach(async () => {
  calls = [];
  answer = () => ({ status: 200, body: {} });
  server = createServer((request, response) => {
    void readBody(request).then((text) => {
      const { method = '', url = '', headers } = request;
      const call = {
        method,
        url,
        authorization: headers.authorization,
        body: JSON.parse(text || '{}') as Call['body'],
      };
      calls.push(call);
      const { status, body } = answer(call);
      response.writeHead(status).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

/** A run with a warm-up of four steps. */
async function makeRun(sendTo: string[]): Promise<{ store: LocalStore; result: RunResult; folder: string }> {
  const folder = mkdtempSync(join(root, 'run-'));
  const store = new LocalStore(join(folder, 'store'));
  const losses = Float64Array.of(4, 3, 2, 1);
  const steps = {
    rowCount: 4,
    step: Uint32Array.of(0, 1, 2, 3),
    learningRate: losses,
    loss: losses,
    gradientNorm: losses,
  };
  const adapter = await makeArtifact(store, 'warmup', { name: 'sent' }, async (place) => [
    await trainingTable.write(store, place, [steps]),
  ]);
  const result = {
    runName: 'sent',
    config: { ...DEMO_CONFIG, report: { ...DEMO_CONFIG.report, sendTo } },
    warmup: { adapter },
    methods: [],
    dataset: { rowCount: 9, usableCount: 8 },
    warnings: ['careful'],
    report: { verdict: ['tive kept some.'] },
    stages: STAGES.map((stage) => ({ stage, startedAtMs: 1_700_000_000_000, durationMs: 500 })),
  } as unknown as RunResult;
  return { store, result, folder };
}

test('CRC-32C is the published one', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
});

describe('TensorBoard', () => {
  test('records hold events with sound sums', () => {
    const bytes = Buffer.concat([...eventFile([{ tag: 'loss', step: 300, value: 0.5 }], 1.5)]);
    const records: Buffer[] = [];
    for (let place = 0; place < bytes.length;) {
      const length = Number(bytes.readBigUInt64LE(place));
      const data = bytes.subarray(place + 12, place + 12 + length);
      for (const [part, at] of [
        [bytes.subarray(place, place + 8), place + 8],
        [data, place + 12 + length],
      ] as const) {
        const sum = crc32c(part); // oxfmt-ignore
        expect(bytes.readUInt32LE(at)).toBe((((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0);
      }
      records.push(data);
      place += length + 16;
    }
    expect(records.map((data) => data.toString('hex'))).toEqual([
      '09000000000000f83f' + '1a0d' + Buffer.from('brain.Event:2').toString('hex'),
      // wall time 1.5 · step 300 · summary { value { tag "loss", simple_value 0.5 } }
      '09000000000000f83f' + '10ac02' + '2a0d' + '0a0b' + '0a04' + Buffer.from('loss').toString('hex') + '150000003f',
    ]);
  });

  test('files lie in the run’s folder, one folder a training', async () => {
    const run = await makeRun(['tensorboard']);
    expect(await sendResult(run)).toEqual([]);
    expect(readdirSync(join(run.folder, 'tensorboard'))).toEqual(['warmup']);
    const [name] = readdirSync(join(run.folder, 'tensorboard/warmup'));
    expect(name).toBe('events.out.tfevents.1700000000.tive');
    expect(readFileSync(join(run.folder, 'tensorboard/warmup', name!)).includes('loss_smoothed')).toBe(true);
  });
});

describe('an address', () => {
  test('gets the scores of generated answers beside the others, where there are some', async () => {
    const run = await makeRun([`${address}/hook`]);
    await sendResult(run);
    expect(calls[0]!.body).not.toHaveProperty('generated_accuracies');
    const evaluation = { macroAccuracy: 0.5, macroGenerated: 0.75 };
    Object.assign(run.result, { methods: [{ method: 'tive', evaluation, selection: null }] });
    await sendResult(run);
    expect(calls[1]!.body).toMatchObject({ accuracies: { tive: 0.5 }, generated_accuracies: { tive: 0.75 } });
  });

  test('gets the result as JSON', async () => {
    const run = await makeRun([]);
    run.result.config.report.sendTo = [`${address}/hook`];
    expect(await sendResult(run)).toEqual([]);
    expect(calls).toMatchObject([
      {
        method: 'POST',
        url: '/hook',
        body: { run: 'sent', verdict: ['tive kept some.'], row_count: 9, warnings: ['careful'] },
      },
    ]);
  });

  test('that does not take it is named, and the others still get it', async () => {
    answer = ({ url }) => ({ status: url === '/bad' ? 500 : 200, body: {} });
    const run = await makeRun([]);
    run.result.config.report.sendTo = [`${address}/bad`, `${address}/good`];
    expect(await sendResult(run)).toEqual([`report.send_to ${address}/bad: must take the result, got status 500`]);
    expect(calls.map(({ url }) => url)).toEqual(['/bad', '/good']);
  });
});

describe('MLflow', () => {
  const run = {
    name: 'sent',
    parameters: Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`key.${index}`, 'x'.repeat(7000)])),
    metrics: Array.from({ length: 1200 }, (_, step) => ({ key: 'loss', step, value: 1 })),
    tags: { verdict: 'fine' },
    startedAtMs: 1,
    endedAtMs: 2,
  };

  test('gets a finished run in batches that it takes, in an experiment that is made where it is missing', async () => {
    answer = ({ url }) => {
      if (url.includes('get-by-name')) return { status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } };
      if (url.endsWith('experiments/create')) return { status: 200, body: { experiment_id: '7' } };
      return { status: 200, body: url.endsWith('runs/create') ? { run: { info: { run_id: 'r1' } } } : {} };
    };
    await logToMlflow(run, { MLFLOW_TRACKING_URI: `${address}/`, MLFLOW_TRACKING_TOKEN: 'secret' });
    expect(calls.map(({ url }) => url.replace('/api/2.0/mlflow/', '').split('?')[0])).toEqual([
      'experiments/get-by-name',
      'experiments/create',
      'runs/create',
      'runs/log-batch',
      'runs/log-batch',
      'runs/log-batch',
      'runs/log-batch',
      'runs/update',
    ]);
    expect(new Set(calls.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer secret']));
    expect(calls[2]!.body).toMatchObject({ experiment_id: '7', start_time: 1 });
    const sizes = calls.slice(3, 7).map(({ body }) => ((body['params'] ?? body['metrics']) as unknown[]).length);
    expect(sizes).toEqual([100, 50, 1000, 200]);
    expect((calls[3]!.body['params'] as { value: string }[])[0]!.value).toHaveLength(6000);
    expect(calls[7]!.body).toEqual({ run_id: 'r1', status: 'FINISHED', end_time: 2 });
  });

  test('without an address, or with a server that refuses, is an error', async () => {
    await expect(logToMlflow(run, {})).rejects.toThrow('MLFLOW_TRACKING_URI: must be an http address, got nothing');
    answer = () => ({ status: 403, body: { message: 'no' } });
    const refused = logToMlflow(run, { MLFLOW_TRACKING_URI: address });
    await expect(refused).rejects.toThrow('mlflow: experiments/get-by-name must succeed, got 403 {"message":"no"}');
  });
});
