import { describe, expect, test } from 'vitest';
import { philox4x32 } from '../../algorithms/philox.ts';
import { createProjector } from '../../algorithms/projection.ts';
import type { ProjectionOptions } from '../../algorithms/projection.ts';
import { createRandom, philoxKey } from '../../algorithms/random-stream.ts';

const EXACT = { rtol: 0, atol: 0 };

function project(options: ProjectionOptions, gradient: ArrayLike<number>): Float64Array {
  const output = new Float64Array(options.sketch);
  createProjector(options).add(0, Float32Array.from(gradient), output, 0);
  return output;
}

function word(counter0: number, counter1: number, counter2: number, index: number, seed: number): number {
  const output = new Uint32Array(4);
  philox4x32(counter0, counter1, counter2, 0, philoxKey('tive-proj/v1\0', seed), output);
  return output[index]!;
}

/** The rules of §4.2, coordinate by coordinate. */
function slowProject({ kind, sketch, seed }: ProjectionOptions, gradient: ArrayLike<number>): number[] {
  const z = new Array<number>(sketch).fill(0);
  for (let c = 0; c < gradient.length; c += 1) {
    if (kind === 'sparse') {
      const bits = word(Math.floor(c / 4), 0, 0, c % 4, seed);
      z[(bits >>> 1) % sketch]! += bits % 2 === 1 ? gradient[c]! : -gradient[c]!;
    } else {
      for (let a = 0; a < sketch; a += 1) {
        const bits = word(Math.floor(a / 128), c, 1, Math.floor((a % 128) / 32), seed);
        z[a]! += ((bits >>> (a % 32)) % 2 === 1 ? 1 : -1) * gradient[c]! * (1 / Math.sqrt(sketch));
      }
    }
  }
  return z;
}

function randomGradient(count: number, seed: number): Float32Array {
  const random = createRandom('gradient', seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

describe('projection vectors', () => {
  test('the words of seed 0 are those of the method', () => {
    expect([0, 1, 2, 3].map((c) => word(0, 0, 0, c, 0))).toEqual([0x39966ad3, 0xddc84a56, 0x98b12bbd, 0x5b28917e]);
    expect(word(0, 0, 1, 0, 0)).toBe(0x32d69dc9);
  });

  test('sparse puts coordinates 0 to 3 into their buckets with their signs', () => {
    const z = project({ kind: 'sparse', sketch: 8192, seed: 0, parameterCount: 4 }, [1, 2, 3, 4]);
    const expected = new Float64Array(8192);
    expected.set([1], 5481);
    expected.set([-2], 1323);
    expected.set([3], 5598);
    expected.set([-4], 2239);
    expect(z).toBeAllclose(expected, EXACT);
  });

  test('rademacher gives coordinate 0 the signs + − − + − − + +', () => {
    const z = project({ kind: 'rademacher', sketch: 8, seed: 0, parameterCount: 1 }, [1]);
    const signs = [1, -1, -1, 1, -1, -1, 1, 1];
    expect(z).toBeAllclose(
      signs.map((sign) => sign / Math.sqrt(8)),
      { rtol: 1e-15, atol: 0 },
    );
  });

  test('a count-sketch with buckets 0, 1, 0 and signs +, −, + maps as by hand', () => {
    // A seed whose first three words say so; found by trying.
    const wanted = [1, 2, 1];
    let seed = 0;
    while (![0, 1, 2].every((c) => (word(0, 0, 0, c, seed) & 3) === wanted[c])) seed += 1;
    const options = { kind: 'sparse', sketch: 2, seed, parameterCount: 3 } as const;
    expect([...project(options, [3, 4, 0])]).toEqual([3, -4]);
    expect([...project(options, [1, 2, 2])]).toEqual([3, -2]);
  });
});

describe.each([
  { kind: 'sparse', sketch: 64, seed: 5, parameterCount: 3001 },
  { kind: 'sparse', sketch: 65536, seed: 5, parameterCount: 3001 },
  { kind: 'rademacher', sketch: 192, seed: 5, parameterCount: 1100 },
  { kind: 'none', sketch: 500, seed: 5, parameterCount: 500 },
] as const)('projection $kind to $sketch', (options) => {
  const g = randomGradient(options.parameterCount, 1);
  const h = randomGradient(options.parameterCount, 2);

  test('agrees with the rule, coordinate by coordinate', () => {
    expect(project(options, g)).toBeAllclose(options.kind === 'none' ? g : slowProject(options, g), EXACT);
  });

  test('has the same bits for any cut into segments, at any place of the output', () => {
    const projector = createProjector(options);
    const output = new Float64Array(options.sketch + 7);
    const cuts = [0, 1, 6, 129, 400, options.parameterCount];
    cuts.slice(1).forEach((end, index) => {
      projector.add(cuts[index]!, g.subarray(cuts[index], end), output, 7);
    });
    expect(output.subarray(7)).toBeAllclose(project(options, g), EXACT);
    expect([...output.subarray(0, 7)]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });

  test('is linear', () => {
    // Halves and quarters of float32 numbers are exact, so only the float64 sums round.
    const mixed = g.map((value, index) => Math.fround(0.5 * value) + Math.fround(0.25 * h[index]!));
    const zg = project(options, g);
    const zh = project(options, h);
    const expected = zg.map((value, index) => 0.5 * value + 0.25 * zh[index]!);
    // Adding two float32 numbers rounds by 2^-24 a coordinate; sums of up to 3001 of them.
    expect(project(options, mixed)).toBeAllclose(expected, { rtol: 0, atol: 3001 * 4 * 2 ** -24 });
  });

  test('refuses segments and outputs out of bounds', () => {
    const projector = createProjector(options);
    const output = new Float64Array(options.sketch);
    const end = options.parameterCount;
    expect(() => {
      projector.add(end - 1, Float32Array.of(1, 2), output, 0);
    }).toThrow(`coordinates must lie in [0, ${end}), got [${end - 1}, ${end + 1})`);
    expect(() => {
      projector.add(0, Float32Array.of(1), output, 1);
    }).toThrow(`output must have room for ${options.sketch} values`);
  });
});

describe.each(['sparse', 'rademacher'] as const)('projection %s over seeds', (kind) => {
  const SEEDS = 400;
  const sketch = 64;

  test('is unbiased for dot products', () => {
    const g = randomGradient(48, 3);
    const h = randomGradient(48, 4);
    const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
      Array.from(a).reduce((sum, x, i) => sum + x * b[i]!, 0);
    let total = 0;
    for (let seed = 0; seed < SEEDS; seed += 1) {
      const options = { kind, sketch, seed, parameterCount: 48 };
      total += dot(project(options, g), project(options, h));
    }
    // Variance of one product: at most (‖g‖²‖h‖² + ⟨g, h⟩²)/k for either kind.
    const variance = (dot(g, g) * dot(h, h) + dot(g, h) ** 2) / sketch;
    expect([total / SEEDS]).toBeAllclose([dot(g, h)], { rtol: 0, atol: 4 * Math.sqrt(variance / SEEDS) });
  });
});

describe('projection options', () => {
  test('must suit the kind', () => {
    const create = (options: Partial<ProjectionOptions>) => () =>
      createProjector({ kind: 'sparse', sketch: 8, seed: 0, parameterCount: 10, ...options });
    expect(create({ sketch: 24 })).toThrow('sketch must be a power of two up to 2^30 for kind sparse, got 24');
    expect(create({ kind: 'none' })).toThrow('sketch must equal the parameter count for kind none, got 8 and 10');
    expect(create({ parameterCount: 0 })).toThrow('parameter count must be an integer in [1, 2^32], got 0');
    expect(create({ sketch: 0 })).toThrow('sketch must be an integer in [1, 2^32], got 0');
  });

  test('beyond the largest table give the same buckets, block by block', () => {
    const g = randomGradient(2500, 6);
    const large = createProjector({ kind: 'sparse', sketch: 64, seed: 1, parameterCount: 2 ** 28 + 1 });
    const output = new Float64Array(64);
    large.add(0, g.subarray(0, 1030), output, 0);
    large.add(1030, g.subarray(1030), output, 0);
    const small = project({ kind: 'sparse', sketch: 64, seed: 1, parameterCount: 2500 }, g);
    expect(output).toBeAllclose(small, EXACT);
  });
});
