import { afterAll, beforeAll, expect, test } from 'vitest';
import { gradientRows } from '../../../activities/gradients/micro-batch.ts';
import type { GradientComputer } from '../../../activities/gradients/micro-batch.ts';
import type { UsableRow } from '../../../tables/rows.ts';
import { createProjector } from '../../../algorithms/projection.ts';
import { NumericalError } from '../../../contracts/failures.ts';
import { disposeAdapter, gradientLayout, initialAdapter, toTensors } from '../../../model/adapter.ts';
import { loadEngine } from '../../../model/engine.ts';
import { loadModel } from '../../../model/tensorflow/load-model.ts';
import type { LoadedModel } from '../../../model/tensorflow/load-model.ts';
import type { ModelExample } from '../../../model/tensorflow/micro-batch.ts';
import { GOLDEN, goldenExamples } from '../../model/golden.ts';

const SKETCH = 8;
let model: LoadedModel;
let examples: ModelExample[];
beforeAll(async () => {
  await loadEngine('tensorflow');
  model = await loadModel(`${GOLDEN}/model`);
  examples = await goldenExamples(model, ['ex-000', 'ex-011']);
});
afterAll(() => model.weights.dispose());

/** With A zero the loss is the model's own, whatever B is; the gradient of A grows with B. */
function computerOf(size: number): GradientComputer {
  const settings = { rank: 2, alpha: 20_000, targets: ['q_proj' as const] };
  const values = initialAdapter(model.config.text, settings, () => 0.5);
  for (const { name, values: own } of values.parameters) if (name.endsWith('lora_B')) own.fill(size);
  const { places, length: parameterCount } = gradientLayout(values);
  const projector = createProjector({ kind: 'sparse', sketch: SKETCH, seed: 0, parameterCount });
  return { model, adapter: toTensors(values), places, projector, storage: 'float32' };
}

const rowOf = (rowIndex: number): UsableRow => ({
  ...{ rowIndex, sourceIndex: 0, byteStart: 0, byteEnd: 0, position: rowIndex, task: 'qa' },
  ...{ contentHash: new Uint8Array(32), tokenCount: 1, microBatch: 5, shard: 0 },
});

test('a gradient that overflows sets its row aside with a gradient of zeros, though its loss is finite', () => {
  const [plain, huge] = [computerOf(1), computerOf(1e38)];
  const finite = gradientRows(plain, [rowOf(7)], examples.slice(0, 1));
  const overflown = gradientRows(huge, [rowOf(7)], examples.slice(0, 1));
  expect(finite).toMatchObject({ reason: [null] });
  expect(overflown).toMatchObject({ reason: ['gradient_not_finite'], loss: finite.loss });
  expect(finite.gradient).not.toEqual(new Float32Array(SKETCH));
  expect(overflown.gradient).toEqual(new Float32Array(SKETCH));
  for (const { adapter } of [plain, huge]) disposeAdapter(adapter);
});

test('a micro-batch without a finite row is refused by its number', () => {
  const huge = computerOf(1e38);
  const run = (): unknown => gradientRows(huge, [rowOf(7), rowOf(8)], examples);
  expect(run).toThrow(NumericalError);
  expect(run).toThrow('micro-batch 5: losses and gradients must be finite, got none of 2 rows from row 7; ');
  disposeAdapter(huge.adapter);
});
