import { describe, expect, test } from 'vitest';
import { adapterNotes } from '../../../activities/shared/model-checks.ts';
import { gradientLayout } from '../../../model/adapter.ts';
import type { AdapterValues } from '../../../model/adapter.ts';
import type { LinearLayer } from '../../../model/weight-shapes.ts';
import { SmallRun } from '../small-run.ts';

const layer = (path: string): LinearLayer => ({
  path: `model.language_model.${path}`,
  target: path.split('.').at(-1)!,
  shape: [8, 8],
});

/** Of Qwen3.5's kind: three layers of linear attention, one of the usual kind. */
const LAYERS = [0, 1, 2, 3].flatMap((number) =>
  [...(number < 3 ? ['linear_attn.in_proj_qkv', 'linear_attn.out_proj'] : ['self_attn.q_proj']), 'mlp.up_proj'].map(
    (name) => layer(`layers.${number}.${name}`),
  ),
);
const DECODER = { path: 'model.language_model', layers: [layer('shared_proj'), ...LAYERS] };

describe('layers that get no adapter', () => {
  const run = new SmallRun();
  const notesFor = (targets: string): string[] => adapterNotes(run.config(`warmup.lora_target=[${targets}]`), DECODER);

  test('are counted, with the names that they have', () => {
    expect(notesFor('q_proj')).toEqual([
      'warmup.lora_target: every decoder layer should have an adapter, got 3 of 4 without (0, 1, 2); ' +
        'they have in_proj_qkv, out_proj, up_proj',
    ]);
  });

  test('are none where each has one', () => {
    expect(notesFor('q_proj, out_proj')).toEqual([]);
    expect(notesFor('up_proj')).toEqual([]);
  });
});

test('linear attention is part of the gradient, as attention is', () => {
  const parameters = LAYERS.map(({ path }) => ({
    name: `${path}.lora_A`,
    shape: [2, 8],
    values: new Float32Array(16),
  }));
  const values: AdapterValues = { settings: { rank: 2, alpha: 2, targets: [] }, parameters, scales: new Map() };
  expect(gradientLayout(values).places.map(({ name }) => name)).toEqual(
    parameters.map(({ name }) => name).filter((name) => !name.includes('mlp')),
  );
});
