import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadEngine } from '../../../../model/load-engine.ts';
import { nativeCpu } from '../../../../model/tensorflow/graphs/binding.ts';
import { Graph } from '../../../../model/tensorflow/graphs/graph.ts';
import type { GraphSource } from '../../../../model/tensorflow/graphs/graph.ts';
import { findProduct, productAt } from '../../../../model/tensorflow/graphs/sizes.ts';

const WIDTH = 6;
let outside: tf.Tensor2D;
let engine: ReturnType<typeof nativeCpu>;

beforeAll(async () => {
  await loadEngine('tensorflow');
  engine = nativeCpu();
  outside = tf.randomNormal([WIDTH, WIDTH], 0, 1, 'float32', 1);
});

afterAll(() => outside.dispose());

/** Rows mixed within their example, with shapes that depend on both sizes and a number that depends on none. */
function mix({ row, example }: Record<string, number>, x: tf.Tensor): { mixed: tf.Tensor; sums: tf.Tensor } {
  const rows = tf.matMul(tf.reshape(x, [row! * example!, WIDTH]), outside);
  const halves = tf.transpose(tf.reshape(rows, [example!, row!, 2, WIDTH / 2]), [0, 2, 1, 3]);
  const heads = tf.reshape(halves, [example! * 2, row!, WIDTH / 2]);
  const mixed = tf.matMul(tf.softmax(tf.mul(tf.matMul(heads, heads, false, true), 0.5)), heads);
  return { mixed, sums: tf.sum(tf.tile(mixed, [1, 1, 2]), -1) };
}

const SOURCE: GraphSource = {
  sizes: ['example', 'row'],
  inputs: { x: { shape: ['example', 'row', WIDTH], type: 'float32' } },
  make: (sizes, { x }) => mix(sizes, x!),
};

describe('a graph', () => {
  test('gives what its function gives operation by operation, whatever the sizes, and leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    const graph = new Graph(engine!, SOURCE);
    for (const [example, row] of [
      [1, 1],
      [1, 9],
      [8, 1],
      [4, 30],
      [3, 5],
    ] as const) {
      // oxfmt-ignore
      const values = tf.tidy(() => tf.randomUniform([example, row, WIDTH]).dataSync<'float32'>());
      const found = graph.run({ example, row }, { x: values });
      tf.tidy(() => {
        const wanted = mix({ example, row }, tf.tensor(values, [example, row, WIDTH]));
        for (const name of ['mixed', 'sums'] as const)
          expect(found[name]).toBeAllclose(wanted[name].dataSync(), { rtol: 1e-5, atol: 1e-6 });
      });
    }
    graph.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(() => graph.run({ example: 1, row: 1 }, { x: new Float32Array(WIDTH) })).toThrow(/after its end/);
  });

  test('gives the same bits each time, as does another one of the same function', () => {
    const [first, second] = [new Graph(engine!, SOURCE), new Graph(engine!, SOURCE)];
    const x = Float32Array.from({ length: 4 * 30 * WIDTH }, (_, index) => Math.sin(index));
    const found = first.run({ example: 4, row: 30 }, { x });
    first.run({ example: 2, row: 3 }, { x: x.subarray(0, 2 * 3 * WIDTH) });
    expect(first.run({ example: 4, row: 30 }, { x })).toEqual(found);
    expect(second.run({ example: 4, row: 30 }, { x })).toEqual(found);
    first.dispose();
    second.dispose();
  });

  test('takes tensors as they are', () => {
    const graph = new Graph(engine!, SOURCE);
    const x = tf.randomUniform([2, 4, WIDTH]);
    const found = graph.run({ example: 2, row: 4 }, { x });
    expect(graph.run({ example: 2, row: 4 }, { x: x.dataSync<'float32'>() })).toEqual(found);
    expect(() => graph.run({ example: 2, row: 4 }, {})).toThrow('input x must be given');
    x.dispose();
    graph.dispose();
  });

  test.each([
    ['has other operations', ({ row }: Record<string, number>, x: tf.Tensor) => (row! > 10 ? tf.exp(tf.neg(x)) : tf.exp(x))], // oxfmt-ignore
    ['takes numbers that are no product of sizes', ({ row }, x) => tf.slice(x, [0, 1], [3, row! - 1])],
    ['gives an input back', (_, x) => x],
  ] as [string, (sizes: Record<string, number>, x: tf.Tensor) => tf.Tensor][])(
    'is refused where its function %s for batches of other sizes',
    (_, make) => {
      const source: GraphSource = {
        sizes: ['example', 'row'],
        inputs: { x: { shape: ['example', 'row'], type: 'float32' } },
        make: (sizes, { x }) => ({ y: make(sizes, x!) }),
      };
      expect(() => new Graph(engine!, source)).toThrow(/graph: .* must be/);
    },
  );
});

test('a graph asks for a folder of temporary files', () => {
  vi.stubEnv('TMPDIR', 'test/no-such-folder');
  expect(() => new Graph(engine!, SOURCE)).toThrow(/temporary files must be writable, got ENOENT.*; set TMPDIR/);
  vi.unstubAllEnvs();
});

describe('a product of sizes', () => {
  const sizes = [{ row: 3, example: 5 }, { row: 13, example: 17 }] as const; // oxfmt-ignore

  test.each([
    [[12, 12], { coefficient: 12, names: [] }],
    [[6, 26], { coefficient: 2, names: ['row'] }],
    [[60, 884], { coefficient: 4, names: ['row', 'example'] }],
  ] as const)('%j is told from its values at two batches', (values, wanted) => {
    expect(findProduct(values, sizes)).toEqual(wanted);
    expect(sizes.map((each) => productAt(wanted, each))).toEqual(values);
  });

  test('is refused where there is none', () => {
    expect(() => findProduct([4, 14], sizes)).toThrow('must be a product of row, example, got 4 and 14');
  });
});
