import { describe, expect, test } from 'vitest';
import { benchmarkGrid, cellConfig, gridProblem, subsetCell, subsetConfig } from '../../contracts/benchmark-cells.ts';
import type { BenchmarkConfig, Config } from '../../contracts/config.ts';
import { DEMO_CONFIG } from '../report/demo-summary.ts';

const config = (benchmark: Partial<BenchmarkConfig>, rest: Partial<Config> = {}): Config => ({
  ...DEMO_CONFIG,
  ...rest,
  benchmark: { ...DEMO_CONFIG.benchmark, ...benchmark },
});
const namesOf = (benchmark: Partial<BenchmarkConfig>): string[] =>
  benchmarkGrid(config(benchmark)).cells.map(({ name }) => name);

describe('the runs of a benchmark', () => {
  test('are one a seed where the recipe names neither methods nor budgets', () => {
    const { cells, methods, seeds } = benchmarkGrid(config({}));
    expect(methods).toEqual(['tive', 'random', 'task_balanced']);
    expect(seeds).toEqual([42, 43, 44, 45, 46]);
    expect(cells.map(({ seed, budget, length }) => [seed, budget, length])).toEqual(
      seeds.map((seed) => [seed, 0.15, 'epochs']),
    );
  });

  test('are each budget once, in order, with each length', () => {
    expect(namesOf({ seeds: 1, budgets: [0.15, 0.05, 0.15, 0.075], lengths: ['epochs', 'steps'] })).toEqual([
      'seed-42/5-percent/epochs',
      'seed-42/7.5-percent/epochs',
      'seed-42/15-percent/epochs',
      'seed-42/5-percent/steps',
      'seed-42/7.5-percent/steps',
      'seed-42/15-percent/steps',
    ]);
  });

  test('are not made twice for equal steps of a single budget', () => {
    expect(namesOf({ seeds: 1, lengths: ['epochs', 'steps'] })).toEqual(['seed-42/15-percent/epochs']);
  });

  test('end each seed with one on all rows where that is asked for', () => {
    expect(namesOf({ seeds: 2, full: true })).toEqual([
      'seed-42/15-percent/epochs',
      'seed-42/all-rows/epochs',
      'seed-43/15-percent/epochs',
      'seed-43/all-rows/epochs',
    ]);
  });

  test('have names that differ', () => {
    const names = namesOf({ seeds: 3, budgets: [0.05, 0.050001, 0.3, 1], lengths: ['steps', 'epochs'], full: true });
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('the recipe of one run', () => {
  test('has its seed, budget and methods, and asks nobody', () => {
    const held = config({ budgets: [0.05] }, { allocation: { ...DEMO_CONFIG.allocation, approval: 'required' } });
    const [cell] = benchmarkGrid(held).cells;
    const own = cellConfig(held, { ...cell!, seed: 7, methods: ['grand', 'random'] }, null);
    expect(own.run.seed).toBe(7);
    expect(own.allocation).toMatchObject({ budgetFraction: 0.05, budgetRows: null, approval: 'none' });
    expect([own.selection.method, ...own.evaluation.compare]).toEqual(['grand', 'random']);
    expect(own.finetune).toEqual(held.finetune);
  });

  test('keeps a budget in rows', () => {
    const rows = config({}, { allocation: { ...DEMO_CONFIG.allocation, budgetFraction: null, budgetRows: 900 } });
    const [cell] = benchmarkGrid(rows).cells;
    expect(cell).toMatchObject({ budget: null, name: 'seed-42/rows/epochs' });
    expect(cellConfig(rows, cell!, null).allocation).toMatchObject({ budgetFraction: null, budgetRows: 900 });
  });

  test('has the schedule of equal steps where it is given', () => {
    const [cell] = benchmarkGrid(config({})).cells;
    const schedule = { epochs: 9, batchSize: 16, learningRate: 1e-3 };
    expect(cellConfig(config({}), cell!, schedule).finetune).toEqual({ enabled: true, ...schedule });
  });
});

describe('the run of a random half', () => {
  test('draws half of the usable rows evenly, each once, whatever else the recipe would leave out or weigh', () => {
    const given = config(
      { lds: 3 },
      {
        allocation: { ...DEMO_CONFIG.allocation, budgetBase: 'all', overflow: 'repeat', augment: 'pictures' },
        selection: {
          ...DEMO_CONFIG.selection,
          replacement: true,
          filters: ['loss_cut'],
          nearDuplicateWeight: 0.9,
          rounds: 2,
        },
        evaluation: { ...DEMO_CONFIG.evaluation, generate: true },
      },
    );
    const own = subsetConfig(given, subsetCell(1, 2 ** 52 + 7));
    expect(subsetCell(1, 7).name).toBe('lds/subset-2');
    expect(own.run.seed).toBe(2 ** 52 + 7);
    expect(own.allocation).toMatchObject({ budgetFraction: 0.5, budgetRows: null, budgetBase: 'eligible' });
    expect(own.allocation).toMatchObject({ overflow: 'redistribute', augment: 'none', approval: 'none' });
    expect(own.selection).toMatchObject({ method: 'random', replacement: false, filters: [], rounds: 1 });
    expect(own.selection.nearDuplicateWeight).toBeNull();
    expect(own.evaluation).toMatchObject({ generate: false, compare: [] });
    expect(own.finetune).toEqual(given.finetune);
  });
});

describe('a benchmark is refused', () => {
  test.each([
    ['without test rows', {}, { evaluation: { ...DEMO_CONFIG.evaluation, path: null } }, 'evaluation.path: must name'],
    [
      'without training',
      {},
      { finetune: { ...DEMO_CONFIG.finetune, enabled: false } },
      'finetune.enabled: must be true',
    ],
    ['of too many runs', { seeds: 501 }, {}, 'must make at most 500 runs, got 501'],
    ['of too many with random halves', { seeds: 400, lds: 101 }, {}, 'must make at most 500 runs, got 501'],
  ] as const)('%s', (_, benchmark, rest, words) => {
    const given = config(benchmark, rest);
    expect(gridProblem(benchmarkGrid(given), given)).toContain(words);
  });

  test('for nothing else', () => {
    expect(gridProblem(benchmarkGrid(config({ seeds: 500 })), config({ seeds: 500 }))).toBeNull();
  });
});
