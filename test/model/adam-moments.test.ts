import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { AdapterValues } from '../../model/adapter.ts';
import { encodeMoments, momentsFile, readMoments } from '../../model/adam-moments.ts';
import { ADAMW_DEFAULTS } from '../../model/engine.ts';
import { openSafetensors } from '../../model/safetensors.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-moments-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const adapter: AdapterValues = {
  settings: { rank: 1, alpha: 1, targets: ['q_proj'] },
  parameters: [
    { name: 'layer.lora_A', shape: [1, 3], values: Float32Array.of(1, 2, 3) },
    { name: 'layer.lora_B', shape: [2, 1], values: Float32Array.of(4, 5) },
  ],
  scales: new Map([['layer', 1]]),
};
const state = {
  step: 12,
  first: [Float32Array.of(0.1, -0, 3e-30), Float32Array.of(7, 8)],
  second: [Float32Array.of(0, 1e-12, 2), Float32Array.of(9, 10)],
};

test('moments come back bit for bit, with the betas that made them and the number of steps', async () => {
  writeFileSync(join(folder, momentsFile()), encodeMoments(adapter, state, ADAMW_DEFAULTS));
  const { first, second } = state;
  expect(await readMoments(folder, adapter)).toEqual({ beta1: 0.9, beta2: 0.999, first, second });
  const file = await openSafetensors(join(folder, momentsFile()));
  expect(file.metadata).toEqual({ beta1: '0.9', beta2: '0.999', step: '12' });
  await file.close();
});

test('moments of another adapter, or none, are refused', async () => {
  writeFileSync(join(folder, momentsFile()), encodeMoments(adapter, state, ADAMW_DEFAULTS));
  const [a, b] = adapter.parameters;
  const wider = { ...adapter, parameters: [{ ...a!, shape: [1, 4] }, b!] };
  await expect(readMoments(folder, wider)).rejects.toThrow(
    'adam_moments.safetensors: first/layer.lora_A must be [1,4], got [1,3]',
  );
  const renamed = { ...adapter, parameters: [{ ...a!, name: 'other.lora_A' }, b!] };
  await expect(readMoments(folder, renamed)).rejects.toThrow('first/other.lora_A must be [1,3], got [nothing]');
  rmSync(join(folder, momentsFile()));
  await expect(readMoments(folder, adapter)).rejects.toThrow(
    'gradients.preconditioner: adam needs the moments of the warm-up’s training, got none beside the adapter',
  );
});
