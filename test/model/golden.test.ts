import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAdapter } from '../../model/adapter-files.ts';
import { disposeAdapter, gradientLayout, toTensors } from '../../model/adapter.ts';
import type { Adapter, AdapterValues } from '../../model/adapter.ts';
import { loadEngine } from '../../model/engine.ts';
import { exampleGradients } from '../../model/example-gradients.ts';
import { loadModel } from '../../model/load-model.ts';
import type { LlavaModel } from '../../model/load-model.ts';
import { encodeImages } from '../../model/vision-tower.ts';
import { GOLDEN, expected, goldenExample, goldenTensor } from './golden.ts';

describe('golden', () => {
  let model: LlavaModel, values: AdapterValues, adapter: Adapter;
  beforeAll(async () => {
    await loadEngine((process.env['E'] ?? 'tensorflow') as 'tensorflow');
    model = await loadModel(`${GOLDEN}/model`);
    values = await readAdapter(`${GOLDEN}/adapter`, model.config.text);
    adapter = toTensors(values);
  });
  afterAll(() => { model.weights.dispose(); disposeAdapter(adapter); });
  test('grads', async () => {
    const { places, length } = gradientLayout(values);
    expect(places.map((p) => p.name)).toEqual(expected.parameter_order.map((n) => n.replace('base_model.model.', '').replace('.default.weight', '')));
    const ids = ['ex-000', 'ex-003', 'ex-011', 'ex-two-turns'];
    const examples = [];
    for (const id of ids) {
      const features = [];
      if (id !== 'ex-011') { const t = encodeImages(model, [await goldenTensor(`${id}.pixel_values`)]); features.push(t.dataSync<'float32'>()); t.dispose(); }
      examples.push(goldenExample(id, features));
    }
    const G = ids.map(() => new Float32Array(length));
    const s = exampleGradients(model, adapter, places, examples, (e, start, v) => { G[e]!.set(v, start); });
    for (const [i, id] of ids.entries()) {
      const want = expected.examples.find((e) => e.id === id)!;
      const g = await goldenTensor(`${id}.self_attn_lora_grad`);
      let d = 0; g.forEach((v, k) => { d = Math.max(d, Math.abs(v - G[i]![k]!)); });
      console.log(id, s[i], want.loss, want.el2n, d / want.grad_norm);
    }
  });
});
