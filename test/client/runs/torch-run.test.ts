import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { TORCH_MARK, pythonIn, torchFolder } from '../../../setup/torch-python.ts';
import { describeTorch } from '../../torch-environment.ts';
import { tive, useCluster } from '../in-process.ts';
import { CLIP_ROWS, writeClipDataset } from '../clip-dataset.ts';
import { USABLE_ROWS, writeSmallDataset } from '../small-dataset.ts';
import { childrenOf, resultHashes, startTive, tiveProcess } from '../tive-process.ts';
import { watchRun } from './reach.ts';

/** Families that TensorFlow's code does not read, by what people call them. */
const FAMILIES = {
  qwen2_5_vl: 'qwen2-5-vl',
  qwen3_vl: 'qwen3-vl',
  gemma3: 'gemma3',
  internvl: 'internvl',
  llava_onevision: 'llava-onevision',
} as const;

const TIMEOUT_MS = 300_000;

/** Room for a picture's tokens, and training long enough to be met in its midst. */
const SETTINGS = ['gradients.cutoff_len=256', 'gradients.token_budget=512', 'warmup.epochs=8', 'finetune.epochs=8'];

/** Models of rows that hold more than pictures; the first one has linear attention too. */
const CLIPS = {
  qwen3_5: { name: 'qwen3-5', kind: 'video', targets: 'q_proj,o_proj,in_proj_qkv,in_proj_z,out_proj' },
  qwen2_audio: { name: 'qwen2-audio', kind: 'audio', targets: 'q_proj,v_proj' },
} as const;

/** What one of the families is run with beside. */
const OTHER_SETTINGS: Partial<Record<keyof typeof FAMILIES, string[]>> = {
  internvl: ['gradients.projection=kron'],
};

/** Opens every adapter on its model with peft; prints how many of its tensors are not zero. */
const OPEN_BY_PEFT = `
import sys, torch
from peft import PeftModel
from transformers import AutoModelForMultimodalLM
for model, adapter in zip(sys.argv[1::2], sys.argv[2::2]):
    base = AutoModelForMultimodalLM.from_pretrained(model)
    tuned = PeftModel.from_pretrained(base, adapter)
    matrices = [p for n, p in tuned.named_parameters() if "lora_B" in n]
    print(len(matrices), sum(1 for p in matrices if p.abs().max() > 0))
`;

describeTorch('models that the torch engine alone reads', (python) => {
  const root = mkdtempSync(join(tmpdir(), 'tive-torch-'));
  const models = join(root, 'models');
  const runs = join(root, 'runs-of-families');
  const runPython = (...words: string[]): string => {
    const { status, stdout, stderr } = spawnSync(python, words, {
      encoding: 'utf8',
      env: { ...process.env, HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '1' },
    });
    expect(status, stderr).toBe(0);
    return stdout;
  };
  beforeAll(() => void vi.stubEnv('TIVE_PYTHON', python));
  const cluster = useCluster();
  beforeAll(() => {
    runPython(
      join(import.meta.dirname, '../../golden/torch_families.py'),
      models,
      ...Object.keys({ ...FAMILIES, ...CLIPS }),
    );
    mkdirSync(runs);
    for (const { kind } of Object.values(CLIPS)) mkdirSync(join(root, kind));
    writeSmallDataset(runs);
  }, TIMEOUT_MS);
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(root, { recursive: true, force: true });
  });

  test.each(Object.entries(FAMILIES))(
    '%s runs to a selection, an adapter and a report, the engine being found by itself',
    async (family, name) => {
      const others = OTHER_SETTINGS[family as keyof typeof FAMILIES] ?? [];
      const model = `model.path=${join(models, family)}`;
      const words = ['recipe.yaml', model, `run.name=${name}`, ...SETTINGS, ...others, '--address', cluster.address];
      const done = await tive(runs, 'run', ...words);
      expect(done.exitCode, done.stderr).toBe(0);
      const folder = join(runs, 'runs', name);
      const result = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as RunResult;
      expect(result.dataset?.usableCount).toBe(USABLE_ROWS);
      for (const { value } of result.values!.tasks) expect(value).toBeGreaterThan(0);
      expect(result.methods.map(({ selection }) => selection?.rowCount)).toEqual([8, 8]);
      expect(result.warmup!.lastLoss).toBeLessThan(result.warmup!.firstLoss!);
      expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('torch 2');
    },
    TIMEOUT_MS,
  );

  test.each(Object.entries(CLIPS))(
    '%s runs on rows of its own kind to a selection and an adapter',
    async (family, { name, kind, targets }) => {
      const folder = join(root, kind);
      await writeClipDataset(folder, kind);
      const words = ['recipe.yaml', `model.path=${join(models, family)}`, `warmup.lora_target=[${targets}]`];
      const done = await tive(folder, 'run', ...words, `run.name=${name}`, '--address', cluster.address);
      expect(done.exitCode, done.stderr).toBe(0);
      const result = JSON.parse(readFileSync(join(folder, 'runs', name, 'result.json'), 'utf8')) as RunResult;
      expect(result.dataset?.usableCount).toBe(CLIP_ROWS);
      expect(result.dataset?.quarantined).toMatchObject([{ reason: 'media_missing', count: 1 }]);
      expect(result.dataset?.warnings.filter((warning) => warning.startsWith('warmup.lora_target'))).toEqual([]);
      for (const { value } of result.values!.tasks) expect(value).toBeGreaterThan(0);
      expect(result.methods[0]!.selection?.rowCount).toBe(12);
      expect(result.warmup!.lastLoss).toBeLessThan(result.warmup!.firstLoss!);
      const shown = await tive(folder, 'show', name, '2');
      expect(shown.stdout).toMatch(kind === 'video' ? /video +.*2-0\.png and 3 frames more/ : /audio +.*media\/2\.wav/);
    },
    TIMEOUT_MS,
  );

  test(
    'a command finds the Python that set-up has made, where none is named',
    async () => {
      const folder = join(root, 'set-up');
      const cache = join(root, 'cache');
      mkdirSync(folder);
      writeSmallDataset(folder);
      vi.stubEnv('TIVE_CACHE', cache);
      vi.stubEnv('TIVE_PYTHON', '');
      // Beside torch nothing is to be set up in that cache.
      vi.stubEnv('TIVE_ENGINE', 'wasm');
      try {
        const made = torchFolder('cpu');
        mkdirSync(join(made, 'bin'), { recursive: true });
        writeFileSync(join(made, TORCH_MARK), JSON.stringify({ torch: '2' }));
        writeFileSync(pythonIn(made), `#!/bin/sh\nexec "${python}" "$@"\n`, { mode: 0o755 });
        const model = `model.path=${join(models, 'gemma3')}`;
        const validated = await tiveProcess(folder, 'data', 'validate', 'recipe.yaml', model, ...SETTINGS);
        expect(validated.exitCode, validated.stderr).toBe(0);
        const done = await tiveProcess(folder, 'run', 'recipe.yaml', model, ...SETTINGS, '--until', 'dataset');
        expect(done.exitCode, done.stderr).toBe(0);
      } finally {
        vi.unstubAllEnvs();
        vi.stubEnv('TIVE_PYTHON', python);
      }
    },
    TIMEOUT_MS,
  );

  test(
    'their adapters are opened by peft, every matrix trained',
    async () => {
      const words: string[] = [];
      const done = [
        ...Object.entries(FAMILIES).map(([family, name]) => [family, name, runs] as const),
        ...Object.entries(CLIPS).map(([family, { name, kind }]) => [family, name, join(root, kind)] as const),
      ];
      for (const [family, name, folder] of done) {
        const exported = await tive(folder, 'export', name, '--to', 'adapter');
        expect(exported.exitCode, exported.stderr).toBe(0);
        const adapter = readdirSync(join(folder, 'runs', name, 'export'), { withFileTypes: true });
        words.push(join(models, family), join(folder, 'runs', name, 'export', adapter[0]!.name));
      }
      const lines = runPython('-c', OPEN_BY_PEFT, ...words)
        .trim()
        .split('\n');
      expect(lines).toHaveLength(done.length);
      for (const line of lines) {
        const [count, trained] = line.split(' ').map(Number);
        expect(count).toBeGreaterThan(0);
        expect(trained).toBe(count);
      }
    },
    TIMEOUT_MS,
  );

  test(
    'the engine’s process is killed in every stage, and the run ends by itself with the same bytes',
    async () => {
      const model = `model.path=${join(models, 'qwen2_5_vl')}`;
      const alone = join(root, 'alone');
      const struck = join(root, 'struck');
      for (const folder of [alone, struck]) {
        mkdirSync(folder);
        writeSmallDataset(folder);
      }
      const words = ['run', 'recipe.yaml', model, ...SETTINGS, 'gradients.token_budget=128', 'finetune.epochs=24'];
      const done = await tive(alone, ...words, '--address', cluster.address);
      expect(done.exitCode, done.stderr).toBe(0);

      const command = startTive(struck, ...words, '--processes', '1', '--heartbeat-timeout', '6');
      const engines = (): number[] => command.computeProcesses().flatMap((pid) => childrenOf(pid, 'tive_torch'));
      const run = await watchRun(struck);
      for (const stage of ['dataset', 'warmup', 'gradients', 'finetune', 'evaluation'] as const) {
        // A run that fails before says why.
        const ended = command.finished.then(({ stderr }) => expect(stderr).toBe(`${stage} to be reached`));
        await Promise.race([run.begin(stage), ended]);
        const found = await vi.waitUntil(() => engines().find((pid) => pid > 0), { timeout: 60_000, interval: 20 });
        process.kill(found, 'SIGKILL');
      }
      await run.close();
      const finished = await command.finished;
      expect(finished.exitCode, finished.stderr).toBe(0);
      expect(resultHashes(struck)).toEqual(resultHashes(alone));
      const log = readFileSync(join(struck, 'runs/small/log.jsonl'), 'utf8');
      expect(log.match(/SIGKILL/g)?.length).toBeGreaterThanOrEqual(3);
    },
    TIMEOUT_MS,
  );
});
