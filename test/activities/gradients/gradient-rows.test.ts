import { afterAll, beforeAll, expect, test } from 'vitest';
import { gradientRows } from '../../../activities/gradients/gradient-rows.ts';
import type { UsableRow } from '../../../tables/rows.ts';
import { NumericalError } from '../../../contracts/failures.ts';
import { initialAdapter } from '../../../model/adapter.ts';
import { engineModel } from '../../../model/tensorflow/engine.ts';
import { loadEngine } from '../../../model/load-engine.ts';
import { loadModel } from '../../../model/tensorflow/load-model.ts';
import type { LoadedModel } from '../../../model/tensorflow/load-model.ts';
import type { GradientComputer, TokenExample } from '../../../model/engine.ts';
import { GOLDEN, goldenExamples } from '../../model/golden.ts';
import { linearLayers } from '../../../model/weight-shapes.ts';

const SKETCH = 8;
let model: LoadedModel;
let examples: TokenExample[];
beforeAll(async () => {
  await loadEngine('tensorflow');
  model = await loadModel(`${GOLDEN}/model`);
  examples = await goldenExamples(model, ['ex-000', 'ex-011']);
});
afterAll(() => model.weights.dispose());

/** With A zero the loss is the model's own, whatever B is; the gradient of A grows with B. */
function computerOf(size: number): GradientComputer {
  const settings = { rank: 2, alpha: 20_000, targets: ['q_proj' as const] };
  const values = initialAdapter(linearLayers(model.config.text), settings, () => 0.5);
  for (const { name, values: own } of values.parameters) if (name.endsWith('lora_B')) own.fill(size);
  return engineModel(model).openGradients(values, { kind: 'sparse', sketch: SKETCH, seed: 0 });
}

const rowOf = (rowIndex: number): UsableRow => ({
  rowIndex,
  sourceIndex: 0,
  byteStart: 0,
  byteEnd: 0,
  position: rowIndex,
  task: 'qa',
  contentHash: new Uint8Array(32),
  tokenCount: 1,
  supervisedTokenCount: 1,
  truncated: false,
  microBatch: 5,
  shard: 0,
});

test('a gradient that overflows sets its row aside with a gradient of zeros, though its loss is finite', async () => {
  const [plain, huge] = [computerOf(1), computerOf(1e38)];
  const finite = await gradientRows(plain, 'float32', [rowOf(7)], examples.slice(0, 1));
  const overflown = await gradientRows(huge, 'float32', [rowOf(7)], examples.slice(0, 1));
  expect(finite).toMatchObject({ reason: [null] });
  expect(overflown).toMatchObject({ reason: ['gradient_not_finite'], loss: finite.loss });
  expect(finite.gradient).not.toEqual(new Float32Array(SKETCH));
  expect(overflown.gradient).toEqual(new Float32Array(SKETCH));
  for (const computer of [plain, huge]) computer.dispose();
});

test('a micro-batch without a finite row is refused by its number', async () => {
  const huge = computerOf(1e38);
  const run = (): Promise<unknown> => gradientRows(huge, 'float32', [rowOf(7), rowOf(8)], examples);
  await expect(run()).rejects.toThrow(NumericalError);
  await expect(run()).rejects.toThrow(
    'micro-batch 5: losses and gradients must be finite, got none of 2 rows from row 7; ',
  );
  huge.dispose();
});
