// tfjs and its backends: the native library, wasm, plain JavaScript.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import type { TensorflowEngine } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { Engine, TensorflowDescription } from '../engine.ts';

/** tfjs's backend, which it keeps in a global. */
type Backend = Pick<Engine, 'description' | 'fallbackReason'>;

/**
 * Loads the engine and makes it tfjs's backend.
 * `auto` takes the native library where its addon loads, else wasm, and says why; a name takes that one or fails.
 * `TIVE_NO_NATIVE` holds set-up's reason where it could not make the addon ready.
 * @throws InvalidConfigError `engine: the tensorflow addon must load, got …` for `tensorflow` by name.
 */
export async function loadBackend(name: 'auto' | TensorflowEngine): Promise<Backend> {
  if (name === 'cpu') return activate('cpu', null);
  if (name === 'wasm') return activate('wasm', null);
  const refused = process.env['TIVE_NO_NATIVE'];
  try {
    if (refused !== undefined && refused !== '') throw new Error(refused);
    await loadAddon();
    return await activate('tensorflow', null);
  } catch (error) {
    const got = firstLine(error);
    if (name === 'tensorflow')
      throw new InvalidConfigError(`engine: the tensorflow addon must load, got ${got}; run tive doctor`);
    return activate('wasm', `engine: the tensorflow addon must load, got ${got}; wasm is used, several times slower`);
  }
}

async function loadAddon(): Promise<void> {
  // Node 23 removed two functions of node:util that the addon's JavaScript calls in every operation.
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  util['isArray'] ??= Array.isArray;
  await import('@tensorflow/tfjs-node-gpu');
}

async function activate(name: TensorflowEngine, fallbackReason: string | null): Promise<Backend> {
  if (name === 'wasm') await import('@tensorflow/tfjs-backend-wasm');
  if (!(await tf.setBackend(name))) throw new Error(`engine: backend ${name} must start, got a refusal`);
  await tf.ready();
  return { description: describe(name), fallbackReason };
}

function describe(engine: TensorflowEngine): TensorflowDescription {
  const native = tf.backend() as unknown as { isUsingGpuDevice?: boolean; binding?: { TF_Version?: string } };
  const isNative = engine === 'tensorflow';
  const device = isNative && native.isUsingGpuDevice === true ? 'gpu' : 'cpu';
  return {
    engine,
    libraryVersion: (isNative && native.binding?.TF_Version) || tf.version['tfjs-core'],
    device,
    instructionSet: isNative && device === 'cpu' ? instructionSet() : 'portable',
    oneDnn: isNative && process.env['TF_ENABLE_ONEDNN_OPTS'] !== '0',
    tf32: device === 'gpu' && process.env['NVIDIA_TF32_OVERRIDE'] !== '0',
  };
}

/** The limit set for oneDNN, else what the processor offers: both change the order of sums, hence bits. */
function instructionSet(): string {
  const limit = process.env['ONEDNN_MAX_CPU_ISA'];
  if (limit !== undefined && limit !== '') return limit.toLowerCase();
  try {
    const flags = new Set(/^flags\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? []);
    return ['amx_bf16', 'avx512_bf16', 'avx512f', 'avx2', 'avx'].find((flag) => flags.has(flag)) ?? process.arch;
  } catch {
    return process.arch;
  }
}

/** First line of an error's message, without the stack that module loaders add. */
function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return `"${(message.split('\n')[0] ?? '').trim()}"`;
}
