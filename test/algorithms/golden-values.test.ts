import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { allocateBudget } from '../../algorithms/allocate-budget.ts';
import { decodeInt8, encodeInt8 } from '../../algorithms/encoding.ts';
import { statisticsOf, toGradientRows, valuesOf } from './worked-example.ts';

// Computed in float64 by torch from gradients of a tiny LLaVA: test/golden/tiny_llava.py.
const FOLDER = new URL('../golden/tiny-llava/', import.meta.url);

interface Expected {
  examples: { id: string; task: string; grad_norm: number }[];
  task_values: Record<string, number>;
  budget: number;
  ideal_quota: Record<string, number>;
  instance_values: Record<string, { mean_of_cosines: number; cosine_to_mean: number }>;
}

/** One float32 tensor of a safetensors file: u64 header length, JSON header, data. */
function readTensor(file: Buffer, name: string): Float32Array {
  const dataStart = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, dataStart)) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  const entry = header[name];
  if (entry?.dtype !== 'F32') throw new Error(`${name}: must be an F32 tensor, got ${entry?.dtype}`);
  const [start, end] = entry.data_offsets;
  return new Float32Array(Uint8Array.from(file.subarray(dataStart + start, dataStart + end)).buffer);
}

const expected = JSON.parse(readFileSync(new URL('expected.json', FOLDER), 'utf8')) as Expected;
const tensors = readFileSync(new URL('expected.safetensors', FOLDER));
const taskNames = Object.keys(expected.task_values);
const rows = toGradientRows(
  expected.examples.map(({ id, task }) => ({
    taskIndex: taskNames.indexOf(task),
    gradient: readTensor(tensors, `${id}.self_attn_lora_grad`),
  })),
);
const sketch = rows[1]!.gradientStart;
const statistics = statisticsOf(rows, taskNames.length, sketch);
const values = valuesOf(rows, statistics);
/**
 * Means off by 2^-31 a component, dotted with a unit vector: at most √k · 2^-31; the raw mean is at most 8 times off.
 */
const FIXED = { rtol: 0, atol: Math.sqrt(sketch) * 2 ** -30 };

describe('golden gradients of a tiny LLaVA', () => {
  test('give the norms of torch', () => {
    // torch's own norm is summed in float32.
    const norms = expected.examples.map((example) => example.grad_norm);
    expect(rows.map((row) => row.gradientNorm)).toBeAllclose(norms, { rtol: 1e-6, atol: 0 });
  });

  test('give the task values and ideal quotas', () => {
    const taskValue = statistics.taskValue.gradient_norm;
    expect(taskValue).toBeAllclose(Object.values(expected.task_values), { rtol: 1e-12, atol: 0 });
    const { tasks } = allocateBudget(
      taskNames.map((task, index) => ({ task, rowCount: statistics.rowCount[index]!, value: taskValue[index]! })),
      {
        budgetFraction: null,
        budgetRows: expected.budget,
        budgetBase: 'eligible',
        weighting: 'value',
        alpha: 0.5,
        overflow: 'redistribute',
        rounding: 'largest_remainder',
        approval: 'none',
      },
      rows.length,
    );
    const ideal = tasks.map((task) => task.ideal);
    expect(ideal).toBeAllclose(Object.values(expected.ideal_quota), { rtol: 1e-12, atol: 0 });
  });

  test('give both instance values of every row', () => {
    const golden = expected.examples.map(({ id }) => expected.instance_values[id]!);
    expect(values.mean_of_cosines).toBeAllclose(
      golden.map((row) => row.mean_of_cosines),
      FIXED,
    );
    expect(values.cosine_to_mean).toBeAllclose(
      golden.map((row) => row.cosine_to_mean),
      FIXED,
    );
  });

  test('give nearly the same instance values after int8', () => {
    const gradient = decodeInt8(encodeInt8(rows[0]!.gradient, sketch), sketch);
    const decoded = rows.map((row) => ({ ...row, gradient }));
    const coarse = valuesOf(decoded, statisticsOf(decoded, taskNames.length, sketch));
    // Codes are off by at most half a step of max|z|/127, about 1 % of a norm spread over 15,360 coordinates.
    expect(coarse.mean_of_cosines).toBeAllclose(values.mean_of_cosines, { rtol: 0, atol: 0.01 });
    expect(coarse.mean_of_cosines).not.toBeAllclose(values.mean_of_cosines, FIXED);
  });
});
