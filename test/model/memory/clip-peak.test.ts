import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ClipKind, LoadedClip } from '../../../contracts/clips.ts';
import { initialAdapter } from '../../../model/adapter.ts';
import type { Engine, RowExample } from '../../../model/engine.ts';
import { loadEngine } from '../../../model/load-engine.ts';
import { clipVectorsOf } from '../../../model/memory/clip-bytes.ts';
import { countMemory } from '../../../model/memory/count-memory.ts';
import { totalBytes } from '../../../model/memory/memory-question.ts';
import { childrenOf } from '../../client/tive-process.ts';
import { describeTorch } from '../../torch-environment.ts';

/** Models whose towers need more than their decoders, and rows that show it. */
const CASES = {
  qwen2_5_vl_wide: {
    asked: '<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>What is it?<|im_end|>\n',
    kind: 'video',
    rowCount: 24,
  },
  qwen2_audio_wide: {
    asked: '<|im_start|>user\nAudio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\nWhat is it?<|im_end|>\n',
    kind: 'audio',
    rowCount: 128,
  },
  gemma4_audio_wide: { asked: '<bos><|turn>user\n<|audio|>What is it?<turn|>\n', kind: 'audio', rowCount: 160 },
} as const;

const ANSWER = { text: 'Yes.<|im_end|>', supervised: true };
const RANK = 4;
const PROJECTION = { kind: 'sparse', sketch: 64, seed: 0 } as const;

/** 16 frames of noise, or 1.9 s of silence. */
function clipOf(kind: ClipKind): LoadedClip {
  if (kind === 'audio') return { kind, file: wav(new Uint8Array(2 * 30_400)) };
  const data = Uint8Array.from({ length: 16 * 140 * 140 * 3 }, (_, index) => (index * 7919) % 251);
  return { kind, frameCount: 16, height: 140, width: 140, data };
}

function wav(samples: Uint8Array): Uint8Array {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(16_000, 24);
  head.writeUInt32LE(32_000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

describeTorch('clips in a tower', (python) => {
  const folder = mkdtempSync(join(tmpdir(), 'tive-towers-'));
  let engine: Engine;
  beforeAll(async () => {
    vi.stubEnv('TIVE_PYTHON', python);
    const program = join(import.meta.dirname, '../../golden/torch_families.py');
    const env = { ...process.env, HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '1' };
    const made = spawnSync(python, [program, folder, ...Object.keys(CASES)], { encoding: 'utf8', env });
    expect(made.status, made.stderr).toBe(0);
    engine = await loadEngine('torch', 'float32');
  }, 120_000);
  afterAll(async () => {
    await engine.dispose();
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });

  const bytesOf = (key: string): number => {
    const [pid] = childrenOf(process.pid, 'tive_torch');
    const found = new RegExp(`${key}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return 1024 * Number(found![1]);
  };

  // What an allocator holds back differs from process to process: one of three must be as it mostly is.
  test.runIf(process.platform === 'linux').each(Object.entries(CASES))(
    '%s: what is counted beside weights is within a fifth of what comes on top of them',
    { timeout: 120_000, retry: 2 },
    async (family, { asked, kind, rowCount }) => {
      const path = join(folder, family);
      const { sizes, processor } = await engine.describeModel(path);
      const row = { pieces: [{ text: asked, supervised: false }, ANSWER], pictures: [], clips: [clipOf(kind)] };
      const [tokens] = await processor!.encode([row], 4096);
      if (!('ids' in tokens!)) throw new Error(tokens!.detail);
      const model = await engine.loadModel(path);
      const settings = { rank: RANK, alpha: RANK, targets: ['q_proj', 'v_proj'] as const };
      const adapter = initialAdapter(model.decoder.layers, { ...settings, targets: [...settings.targets] }, () => 0.3);
      const computer = model.openGradients(adapter, PROJECTION);
      const example: RowExample = { ...row, tokenCount: tokens.ids.length, answerTokenCount: 2, cutoffLen: 4096 };
      await computer.compute([example]);
      const before = bytesOf('VmRSS');
      writeFileSync(`/proc/${childrenOf(process.pid, 'tive_torch')[0]}/clear_refs`, '5');
      const rows = Array.from({ length: rowCount }, () => example);
      // One is prepared while another one is computed.
      await Promise.all([computer.compute(rows), computer.compute(rows), computer.compute(rows)]);
      const grown = bytesOf('VmHWM') - before;
      computer.dispose();
      const count = countMemory({
        sizes,
        engine: 'torch',
        valueBytes: 4,
        work: 'gradients',
        adapter: { rank: RANK, targets: settings.targets },
        projection: PROJECTION,
        batch: {
          rowCount,
          tokenCount: tokens.ids.length,
          supervisedCount: rowCount * tokens.supervisedTokenCount,
          clips: clipVectorsOf(rows.map(() => tokens.clipVectors!)),
        },
        recomputedLayerCount: 0,
        cacheBytes: 0,
      });
      expect(count.activations).toBe(0);
      const counted = totalBytes(count) - count.process - count.weights;
      expect(counted / grown, `${counted} of ${grown}`).toBeGreaterThan(0.8);
      expect(counted / grown, `${counted} of ${grown}`).toBeLessThan(1.2);
    },
  );
});
