// The most memory that the torch engine's process has had with pictures or clips in its towers, beside its count.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClipKind } from '../contracts/clips.ts';
import type { LoraTarget } from '../contracts/config.ts';
import { initialAdapter } from '../model/adapter.ts';
import type { Engine, RowExample } from '../model/engine.ts';
import { loadEngine } from '../model/load-engine.ts';
import { vectorsOf } from '../model/memory/tower-bytes.ts';
import { countMemory } from '../model/memory/count-memory.ts';
import { totalBytes } from '../model/memory/memory-question.ts';
import type { MemoryCount } from '../model/memory/memory-question.ts';
import { requireTorchPython, torchPython } from '../model/torch/python.ts';
import { megabytes } from './bench.ts';
import type { BenchLine } from './bench.ts';
import { packageFolder } from './package-folder.ts';
import { peaksOfTree } from './processes.ts';

/** What a row shows or lets hear: a picture, square, by its side in pixels; 16 frames; or 1.9 s without a tone. */
type Shown = { kind: 'picture'; side: number } | { kind: ClipKind };

/** A family's question, what stands in it, and rows many enough that the tower needs more than all else. */
interface Case {
  asked: string;
  shown: Shown;
  rowCount: number;
}

/** One thing a row, so that allocators give the tower's tables back. */
const CASES = {
  qwen2_5_vl_windows: {
    asked: '<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>What is it?<|im_end|>\n',
    shown: { kind: 'picture', side: 112 },
    rowCount: 320,
  },
  llava_wide: {
    asked: '<image>\nWhat is it?\n',
    shown: { kind: 'picture', side: 224 },
    rowCount: 80,
  },
  llava_onevision_wide: {
    asked: '<|im_start|>user <image>\nWhat is it?<|im_end|>',
    shown: { kind: 'picture', side: 448 },
    rowCount: 16,
  },
  internvl_wide: {
    asked: '<|im_start|>user\n<IMG_CONTEXT>\nWhat is it?<|im_end|>\n',
    shown: { kind: 'picture', side: 448 },
    rowCount: 16,
  },
  gemma3_wide: {
    asked: '<bos><start_of_turn>user\n<start_of_image>What is it?<end_of_turn>\n',
    shown: { kind: 'picture', side: 224 },
    rowCount: 80,
  },
  gemma4_wide: {
    asked: '<bos><|turn>user\n<|image|>What is it?<turn|>\n',
    shown: { kind: 'picture', side: 400 },
    rowCount: 32,
  },
  idefics3_wide: {
    asked: '<|begin_of_text|>User:<image>What is it?<end_of_utterance>\n',
    shown: { kind: 'picture', side: 448 },
    rowCount: 16,
  },
  qwen2_5_vl_wide: {
    asked: '<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>What is it?<|im_end|>\n',
    shown: { kind: 'video' },
    rowCount: 24,
  },
  qwen2_audio_wide: {
    asked: '<|im_start|>user\nAudio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\nWhat is it?<|im_end|>\n',
    shown: { kind: 'audio' },
    rowCount: 192,
  },
  gemma4_audio_wide: {
    asked: '<bos><|turn>user\n<|audio|>What is it?<turn|>\n',
    shown: { kind: 'audio' },
    rowCount: 192,
  },
} as const satisfies Record<string, Case>;

type WideFamily = keyof typeof CASES;

const ANSWER = { text: 'Yes.<|im_end|>', supervised: true };
const RANK = 4;
const TARGETS: LoraTarget[] = ['q_proj', 'v_proj'];
const PROJECTION = { kind: 'sparse', sketch: 64, seed: 0 } as const;
const CUTOFF = 4096;

/** Samples of a sound: 1.9 s. */
const SAMPLES = 30_400;

/** What was counted, and what came on top of the process and its weights. */
interface TowerPeak {
  count: MemoryCount;
  countedBytes: number;
  grownBytes: number;
}

/** Each family in a process of its own. */
export async function* bench(): AsyncGenerator<BenchLine> {
  if (torchPython() === null) {
    yield { name: 'tower-peak', facts: ['skipped: needs a Python with torch; run `tive setup torch`'] };
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'tive-towers-'));
  try {
    for (const family of Object.keys(CASES) as WideFamily[]) {
      const { count, countedBytes, grownBytes } = await towerPeak(folder, family);
      yield {
        name: family,
        facts: [
          `${megabytes(countedBytes)} counted, ${megabytes(grownBytes)} at the peak, beside process and weights`,
          `${(countedBytes / grownBytes).toFixed(2)} (goal 0.8 to 1.2)`,
          `tower ${megabytes(count.work)}, its input ${megabytes((count.pictures ?? 0) + (count.clips ?? 0))}`,
        ],
      };
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Takes micro-batches of a family's model, which is made in `folder`, in a new process of the engine. */
async function towerPeak(folder: string, family: WideFamily): Promise<TowerPeak> {
  const program = join(packageFolder(), 'test/golden/torch_wide_families.py');
  const env = { ...process.env, HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '1' };
  await promisify(execFile)(requireTorchPython(), [program, folder, family], { env });
  const others = peaksOfTree(process.pid);
  const engine = await loadEngine('torch', 'float32');
  try {
    const peak = (): number =>
      Math.max(...[...peaksOfTree(process.pid)].filter(([pid]) => !others.has(pid)).map(([, bytes]) => bytes));
    return await measure(engine, join(folder, family), family, peak);
  } finally {
    await engine.dispose();
  }
}

async function measure(engine: Engine, path: string, family: WideFamily, peak: () => number): Promise<TowerPeak> {
  const { asked, shown, rowCount } = CASES[family];
  const row = { pieces: [{ text: asked, supervised: false }, ANSWER], ...contentOf(shown) };
  const { sizes, processor } = await engine.describeModel(path);
  const [tokens] = await processor!.encode([row], CUTOFF);
  if (!('ids' in tokens!)) throw new Error(`${family}: must take the row, got: ${tokens!.detail}`);
  const { supervisedTokenCount, towerVectors, ids } = tokens;
  const tokenCount = ids.length;
  const model = await engine.loadModel(path);
  const adapter = initialAdapter(model.decoder.layers, { rank: RANK, alpha: RANK, targets: TARGETS }, () => 0.3);
  const computer = model.openGradients(adapter, PROJECTION);
  const example: RowExample = { ...row, tokenCount, answerTokenCount: supervisedTokenCount, cutoffLen: CUTOFF };
  await computer.compute([example]);
  const before = peak();
  const rows = Array.from({ length: rowCount }, () => example);
  // One is prepared while another one is computed.
  await Promise.all([rows, rows, rows].map((batch) => computer.compute(batch)));
  const vectors = vectorsOf(rows.flatMap(() => towerVectors ?? []));
  const count = countMemory({
    sizes,
    engine: 'torch',
    valueBytes: 4,
    work: 'gradients',
    adapter: { rank: RANK, targets: TARGETS },
    projection: PROJECTION,
    batch: { rowCount, tokenCount, supervisedCount: rowCount * supervisedTokenCount, vectors },
    recomputedLayerCount: 0,
    cacheBytes: 0,
  });
  return { count, countedBytes: totalBytes(count) - count.process - count.weights, grownBytes: peak() - before };
}

function contentOf(shown: Shown): Pick<RowExample, 'pictures' | 'clips'> {
  if (shown.kind === 'picture')
    return { pictures: [{ width: shown.side, height: shown.side, data: noise(shown.side ** 2) }] };
  if (shown.kind === 'audio') return { pictures: [], clips: [{ kind: 'audio', file: silence() }] };
  const size = { frameCount: 16, height: 140, width: 140 };
  return { pictures: [], clips: [{ kind: 'video', ...size, data: noise(16 * 140 * 140) }] };
}

/** 8-bit RGB without a pattern. */
function noise(pixelCount: number): Uint8Array {
  return Uint8Array.from({ length: 3 * pixelCount }, (_, index) => (index * 7919) % 251);
}

/** WAV, 16 bits at 16 kHz. */
function silence(): Uint8Array {
  const file = Buffer.alloc(44 + 2 * SAMPLES);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + 2 * SAMPLES, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(16_000, 24);
  file.writeUInt32LE(32_000, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(2 * SAMPLES, 40);
  return file;
}
