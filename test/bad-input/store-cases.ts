import { readFileSync } from 'node:fs';
import type { Client } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect } from 'vitest';
import { openGradientTable } from '../../tables/gradients.ts';
import { createGradientActivities } from '../../activities/gradients/stage.ts';
import { ModelHost } from '../../activities/shared/model-host.ts';
import { createWarmupActivities } from '../../activities/training/warmup.ts';
import { selectRows } from '../../algorithms/selectors/select-rows.ts';
import { connectServer } from '../../client/cluster/runtime.ts';
import { missingWorkers } from '../../client/cluster/task-queues.ts';
import { sourceChanges } from '../../client/runs/source-changes.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import type { AdapterResult } from '../../contracts/messages/training.ts';
import { loadEngine } from '../../model/load-engine.ts';
import { requireMemory } from '../../model/memory/weights-memory.ts';
import { fileOf, readManifest } from '../../store/artifacts.ts';
import { LocalStore } from '../../store/local-store.ts';
import { streamVerified } from '../../store/verified.ts';
import { toColumns } from '../algorithms/sampled-rows.ts';
import { TEXT, artifact, config, warning } from './case.ts';
import type { Case } from './case.ts';
import { gradientArtifact, storeOf } from './gradient-artifact.ts';
import { GOOD, stops, talk, warns } from './world.ts';
import type { Outcome } from './world.ts';

export const STORE: Case[] = [
  [
    41,
    'gradients of another projection',
    async (world) => {
      const [one, other] = [await gradientArtifact(world, 8, [1]), await gradientArtifact(world, 4, [1])];
      return stops(() => openGradientTable(storeOf(world), [one.gradients, other.gradients]));
    },
    artifact(/^artifacts\/gradients\/[0-9a-f]+: sketch must be 8, got 4; use another store$/),
  ],
  [
    42,
    'a damaged artifact',
    async (world) => {
      const { gradients } = await gradientArtifact(world, 8, [1]);
      const path = world.path(`store/${gradients.uri}/gradients-00000-of-00001.arrow`);
      const bytes = readFileSync(path);
      bytes[bytes.length - 100]! ^= 1;
      world.write(`store/${gradients.uri}/gradients-00000-of-00001.arrow`, bytes);
      return stops(async () => {
        const file = fileOf(await readManifest(storeOf(world), gradients), 'gradients-00000-of-00001.arrow');
        for await (const chunk of streamVerified(storeOf(world), gradients.uri, file))
          expect(chunk.length).toBeGreaterThan(0);
      });
    },
    {
      ...artifact(
        /^artifacts\/gradients\/[0-9a-f]{40}\/gradients-00000-of-00001\.arrow: sha256 must be [0-9a-f]{64}, got [0-9a-f]{64}; tive run --repair sets the artifact aside and makes it again$/,
      ),
      error: 'DamagedArtifactError',
    },
  ],
  [
    43,
    'a file that has changed since',
    async (world) => {
      const before = { dataset: await world.scan() } as RunResult;
      world.rows([GOOD, { ...GOOD, id: 'new' }]);
      return warns(await sourceChanges(storeOf(world), before, { dataset: await world.scan() } as RunResult));
    },
    warning(
      /^mix\.json: sha256 must be [0-9a-f]{12}… as recorded, got [0-9a-f]{12}…; new and changed rows get new gradients$/,
    ),
  ],
  [
    44,
    'a disk that is too small',
    async (world) => {
      world.rows(Array.from({ length: 40 }, (_, index) => ({ ...TEXT, ...talk(`What is ${index}?`, 'A number.') })));
      const own = world.config('gradients.sketch=1024', 'warmup.fraction=0.1');
      const dependencies = { openStore: (uri: string) => new SmallStore(uri), models: new ModelHost() };
      const { rows } = await world.scan('gradients.sketch=1024', 'warmup.fraction=0.1');
      const tuned = await quiet().run(createWarmupActivities(dependencies).tuneReference, { config: own, rows });
      const { adapter } = tuned as AdapterResult;
      const { planGradients } = createGradientActivities(dependencies);
      const outcome = await stops(() => quiet().run(planGradients, { config: own, rows, adapter }));
      await dependencies.models.dispose();
      return outcome;
    },
    config('store: 0.2 MB must be free, got 0.0 MB; free space, or lower gradients.sketch, or storage: int8'),
  ],
];

export const MACHINE: Case[] = [
  [
    45,
    'an engine that is not there, left to tive',
    () => withoutAddon(async () => warns([(await loadEngine('auto')).fallbackReason ?? ''])),
    warning('engine: the tensorflow addon must load, got "no such wheel"; wasm is used, several times slower'),
  ],
  [
    45,
    'an engine that is not there, by name',
    () => withoutAddon(() => stops(() => loadEngine('tensorflow'))),
    config('engine: the tensorflow addon must load, got "no such wheel"; run tive doctor'),
  ],
  [
    46,
    'weights that do not fit on wasm',
    () =>
      stops(() =>
        requireMemory({ parameterCount: 1.85e9, weightBytes: 7.4e9, hostBytes: 64e9, deviceBytes: null }, true),
      ),
    config('engine wasm: weights must fit in 4 GiB, got 6.9 GiB in float32; use engine: tensorflow or a smaller model'),
  ],
  [
    47,
    'no server',
    () => stops(() => connectServer({ address: '127.0.0.1:1', namespace: null })),
    config(
      /^temporal: server must answer at 127\.0\.0\.1:1 within 5 s, got .+; start it, or omit --address for the embedded one$/,
    ),
  ],
  [
    48,
    'no worker',
    async () => warns((await missingWorkers(idleClient(), 'localhost:7233')).slice(1)),
    warning('run: a worker must poll tive-compute, got none; start tive worker compute --address localhost:7233'),
  ],
  [
    49,
    'a lambda without effect',
    () => {
      const rows = Array.from({ length: 20 }, (_, index) => ({
        content: `${index}`,
        rowIndex: index,
        instanceValue: index / 20,
      }));
      const request = {
        method: 'tive',
        lambda: 0.001,
        replacement: false,
        ranks: 'top',
        quotas: 'value',
        seed: 1,
        budget: 5,
        tasks: [{ task: 'qa', quota: 5 }],
      } as const;
      return Promise.resolve(warns(selectRows(toColumns(rows), request).warnings));
    },
    warning(
      'selection: lambda must change the weights, got an effective share of 1.000 in each task at lambda 0.001; this is random choice',
    ),
  ],
];

const quiet = () => new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });

class SmallStore extends LocalStore {
  override freeBytes(): Promise<number> {
    return Promise.resolve(5000);
  }
}

/** A client of a server that nobody asks for work. */
function idleClient(): Client {
  const workflowService = { describeTaskQueue: () => Promise.resolve({ pollers: [] }) };
  return { options: { namespace: 'default' }, workflowService } as unknown as Client;
}

async function withoutAddon(act: () => Promise<Outcome>): Promise<Outcome> {
  const before = process.env['TIVE_NO_NATIVE'];
  process.env['TIVE_NO_NATIVE'] = 'no such wheel';
  try {
    return await act();
  } finally {
    if (before === undefined) delete process.env['TIVE_NO_NATIVE'];
    else process.env['TIVE_NO_NATIVE'] = before;
  }
}
