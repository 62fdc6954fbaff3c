import { parquetReadObjects } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import { resultsParquet } from '../../activities/benchmark/results-table.ts';
import { compareMethods } from '../../algorithms/compare-methods.ts';
import type { BenchmarkSummary } from '../../contracts/benchmark-summary.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import type { RunSummary } from '../../contracts/summary.ts';
import type { BenchmarkArm } from '../../contracts/messages/benchmark.ts';
import { benchmarkVerdict } from '../../report/benchmark/benchmark-verdict.ts';
import { ldsSentences } from '../../report/benchmark/lds-section.ts';
import { renderBenchmark } from '../../report/benchmark/render-benchmark.ts';
import { benchmarkLines } from '../../report/benchmark/text-table.ts';
import { renderReport } from '../../report/render-report.ts';
import { DEMO_CONFIG, demoSummary } from './demo-summary.ts';

const NOWHERE = { uri: 'artifacts/selection/none', sha256: '0'.repeat(64), rowCount: 1, schemaVersion: 1 };

/** One task of 1,000 rows; right answers by seed. */
function armsOf(method: SelectionMethod, correct: readonly number[], budget: number | null = 0.15): BenchmarkArm[] {
  return correct.map((correctCount, index) => ({
    seed: 42 + index,
    budget,
    length: 'epochs',
    isFull: false,
    method,
    selection: NOWHERE,
    rowCount: 1194,
    stepCount: 225,
    effectiveShare: method === 'tive' ? 0.98 : null,
    stress: null,
    tasks: [{ task: 'name <b>', rowCount: 1000, correctCount, meanLoss: 0.5 }],
    macroAccuracy: correctCount / 1000,
    meanLoss: 0.5,
  }));
}

const BALANCED = [634, 594, 610, 618, 605];
const TIVE = [593, 570, 536, 596, 592];

function summaryOf(arms: readonly BenchmarkArm[], changes: Partial<BenchmarkSummary> = {}): BenchmarkSummary {
  const budgets = [...new Set(arms.map(({ budget }) => budget))];
  return {
    benchmarkName: 'demo-benchmark',
    config: DEMO_CONFIG,
    seeds: [...new Set(arms.map(({ seed }) => seed))],
    baseline: arms.some(({ method }) => method === 'task_balanced') ? 'task_balanced' : null,
    baseAccuracy: 0.111,
    testRowCount: 1000,
    tables: budgets.map((budget) => ({
      budget,
      length: 'epochs',
      methods: compareMethods(
        arms.filter((arm) => arm.budget === budget),
        null,
      ),
    })),
    full: null,
    overlaps: [
      { left: 'tive', right: 'tive', jaccard: 0.081 },
      { left: 'tive', right: 'task_balanced', jaccard: 0.31 },
    ],
    warnings: [],
    durationMs: 372_000,
    versions: [{ name: 'tive', version: '0.1.0' }],
    ...changes,
  };
}

const BEHIND = summaryOf([...armsOf('tive', TIVE), ...armsOf('task_balanced', BALANCED)]);

describe('the verdict of a benchmark', () => {
  test('says behind where the interval leaves out 0', () => {
    expect(plain(benchmarkVerdict(BEHIND)[0]!)).toBe(
      'tive reached 57.7 % ± 2.5 over 5 seeds at 15 % of the rows, the task-balanced random choice 61.2 % ' +
        '(−3.5 points, 95 % −6.5 to −0.5, adjusted p 0.032): it was worse here.',
    );
  });

  test('says ahead only then, too', () => {
    const ahead = summaryOf([...armsOf('tive', BALANCED), ...armsOf('task_balanced', TIVE)]);
    expect(benchmarkVerdict(ahead)[0]).toContain('it was better here.');
  });

  test('says what an interval around 0 excludes', () => {
    const undecided = summaryOf([...armsOf('tive', [600, 610, 590]), ...armsOf('task_balanced', [602, 604, 597])]);
    expect(plain(benchmarkVerdict(undecided)[0]!)).toContain(
      'no difference could be shown; it is not more than 1.6 points better and not more than 1.8 worse.',
    );
  });

  test('counts nothing as shown that the number of methods could have brought about', () => {
    const many = ['grand', 'random', 'tive_task', 'tive_instance'] satisfies SelectionMethod[];
    const others = many.flatMap((method) => armsOf(method, [600, 611, 590, 620, 601]));
    const crowded = summaryOf([...armsOf('tive', TIVE), ...others, ...armsOf('task_balanced', BALANCED)]);
    expect(benchmarkVerdict(crowded)[0]).toContain('not shown, once adjusted for all methods that were compared.');
  });

  test('names the others in one sentence where they are many', () => {
    const many = ['grand', 'random', 'tive_task', 'tive_instance', 'loss'] satisfies SelectionMethod[];
    const others = many.flatMap((method, place) =>
      armsOf(
        method,
        BALANCED.map((score) => score - 50 * place),
      ),
    );
    const sentences = benchmarkVerdict(
      summaryOf([...armsOf('tive', TIVE), ...others, ...armsOf('task_balanced', BALANCED)]),
    );
    expect(sentences).toHaveLength(3);
    expect(plain(sentences[1]!)).toBe(
      'Of the other 5 methods at 15 % of the rows, against the task-balanced random choice: better: none; ' +
        'worse: random, tive_task, tive_instance, loss; no difference shown: grand.',
    );
  });

  test('claims nothing from one seed, or without a random choice', () => {
    const one = summaryOf([...armsOf('tive', [593]), ...armsOf('task_balanced', [634])]);
    expect(benchmarkVerdict(one)[0]).toContain('one seed does not show whether they differ.');
    const alone = summaryOf(armsOf('tive', TIVE));
    expect(benchmarkVerdict(alone)[0]).toContain('no random choice is beside it');
  });

  test('says first where no model gets anything right', () => {
    const nothing = summaryOf([...armsOf('tive', [0, 0]), ...armsOf('task_balanced', [0, 0])]);
    expect(benchmarkVerdict(nothing)[0]).toContain('No model gets a single test row right');
    expect(benchmarkVerdict(nothing)[1]).toContain('the scores are the same in every seed.');
  });

  test('ends with what the numbers do not cover', () => {
    expect(benchmarkVerdict(BEHIND).at(-1)).toContain('Fewer than 10 seeds leave the intervals themselves uncertain.');
    const shared = { ...DEMO_CONFIG, benchmark: { ...DEMO_CONFIG.benchmark, reference: 'shared' as const } };
    expect(benchmarkVerdict({ ...BEHIND, config: shared }).at(-1)).toContain('the reference model is the same in all');
  });
});

describe('rows that were made worse on purpose', () => {
  const stressed = (method: SelectionMethod, noisy: number): BenchmarkArm[] =>
    armsOf(method, [600, 601]).map((arm) => ({
      ...arm,
      stress: [
        { kind: 'clean', allCount: 60, selectedCount: 20 - noisy },
        { kind: 'label_noise', allCount: 40, selectedCount: noisy },
      ],
    }));
  const summary = summaryOf([...stressed('tive', 9), ...stressed('task_balanced', 8)]);

  test('are counted as shares of the dataset and of what each method chose', () => {
    expect(summary.tables[0]!.methods[0]!.taken).toEqual([
      { kind: 'clean', allShare: 0.6, selectedShare: 0.55 },
      { kind: 'label_noise', allShare: 0.4, selectedShare: 0.45 },
    ]);
  });

  test('have a section of the benchmark’s page and of a run’s report, where there are any', () => {
    const page = plain(renderBenchmark(summary));
    expect(page).toMatch(
      /answers of another row<\/th>\s*<td class="number" ?>40.0 %<\/td>\s*<td class="number" ?>45.0 %/,
    );
    expect(renderBenchmark(BEHIND)).not.toContain('id="taken"');
    const report = (stress: RunSummary['stress']): string => plain(renderReport({ ...demoSummary(2), stress }));
    expect(report([{ kind: 'irrelevant', allCount: 10, selectedCount: 3 }])).toContain(
      'of the task that is not evaluated',
    );
    expect(report(null)).not.toContain('id="stress"');
  });
});

describe('a linear datamodelling score', () => {
  const ROWS = { rowCount: 90, constantCount: 3 };
  const LDS = {
    ...ROWS,
    score: 0.1234,
    interval: [0.05, 0.19] as [number, number],
    subsetCount: 50,
    unmatchedCount: 7,
    tasks: [{ task: 'name <b>', ...ROWS, score: null, interval: null }],
  };

  test('has a section with its interval, the rows that are left out, and its tasks', () => {
    const page = plain(renderBenchmark({ ...BEHIND, lds: LDS }));
    expect(page).toContain('id="lds"');
    expect(page).toContain(
      'Linear datamodelling score of gradient cosines: 0.123 (95 % 0.050 to 0.190), over 50 random halves of the rows ' +
        'and 90 test rows, 10 left out.',
    );
    expect(page).toContain('7 test rows without a gradient or a loss: left out.');
    expect(page.match(/name &lt;b&gt;<\/th>/g)!.length).toBeGreaterThan(1);
    expect(renderBenchmark(BEHIND)).not.toContain('id="lds"');
  });

  test.each([
    [[0.05, 0.19], 'The interval lies above 0'],
    [[-0.3, -0.1], 'The interval lies below 0'],
    [[-0.05, 0.19], 'The interval holds 0: it is not shown'],
    [null, 'So few halves do not show'],
  ] as const)('says no more than the interval %j allows', (interval, words) => {
    const [, shown] = ldsSentences({ ...LDS, interval: interval === null ? null : [...interval] });
    expect(shown).toContain(words);
    expect(shown).toMatch(/Gradient cosine is a weak attributor; this claims nothing about selection\.$/);
  });

  test('tells of few halves, and of none that counts', () => {
    expect(ldsSentences({ ...LDS, subsetCount: 49 })[1]).toContain('Fewer than 50 halves leave the interval itself');
    expect(ldsSentences({ ...LDS, score: null, interval: null })[1]).toContain('No test row orders the halves');
  });
});

describe('the page of a benchmark', () => {
  test('shows verdict, scores, forest plot, tasks and overlap, and escapes what comes from the dataset', () => {
    const page = renderBenchmark(BEHIND);
    expect(page).toContain('<p class="verdict behind">tive reached');
    expect(page).toContain('0 of 1 shown to be better, 1 worse.');
    expect(page).toMatch(/<th scope="row" ?>name &lt;b&gt;<\/th>/);
    expect(page).not.toContain('name <b>');
    expect(page).toContain('itself, next seed');
    expect(page).toContain('6 min 12 s'.replaceAll(' ', '\u00a0'));
    // One budget has no curve.
    expect(page).not.toContain('id="budgets"');
  });

  test('draws curves over several budgets', () => {
    const several = [0.05, 0.15].flatMap((budget) => [
      ...armsOf('tive', TIVE, budget),
      ...armsOf('task_balanced', BALANCED, budget),
    ]);
    const page = renderBenchmark(summaryOf(several));
    expect(page).toContain('highest at 5\u00a0% is task-balanced random choice');
    expect(page).toContain('id="table-2"');
  });

  test('is the same for the same summary and asks nothing of the network', () => {
    expect(renderBenchmark(BEHIND)).toBe(renderBenchmark(structuredClone(BEHIND)));
    expect(renderBenchmark(BEHIND)).not.toMatch(/(src|href)="(?!#|data:)/);
  });
});

test('the lines for a terminal have the highest score first and the baseline without a difference', () => {
  expect(benchmarkLines(BEHIND).map(plain)).toEqual([
    '',
    '15 % of the rows, equal epochs, 5 seeds',
    'method             accuracy  minus task_balanced  95 % interval  adjusted p',
    'task_balanced  61.2 % ± 1.5',
    'tive           57.7 % ± 2.5                 −3.5   −6.5 to −0.5       0.032',
  ]);
});

describe('generated answers of a benchmark', () => {
  const asked = (method: SelectionMethod, correct: readonly number[], scores: readonly number[]): BenchmarkArm[] =>
    armsOf(method, correct).map((arm, index) => ({
      ...arm,
      tasks: [
        { ...arm.tasks[0]!, generated: { rowCount: 10, scoreSum: scores[index]!, isOwnScorer: true } },
        { task: 'tell', rowCount: 5, correctCount: 0, meanLoss: 2, generated: null },
      ],
      macroGenerated: scores[index]! / 10,
    }));
  const arms = [...asked('tive', [593, 570], [7, 8.5]), ...asked('task_balanced', [634, 594], [6, 7])];
  const summary = summaryOf(arms, { generated: { baseAccuracy: 0.25, leftOut: ['tell'] } });

  test('stand beside the accuracy, which stays what is compared', () => {
    const [tive, balanced] = summary.tables[0]!.methods;
    expect(tive!.generated!.accuracy.mean).toBeCloseTo(0.775, 12);
    expect(tive!.generated!.difference!.mean).toBeCloseTo(0.125, 12);
    expect(tive!.generated!.difference).toMatchObject({ winCount: 2, adjustedP: null });
    expect(balanced!.generated!.difference).toBeNull();
    const without = summaryOf([...armsOf('tive', [593, 570]), ...armsOf('task_balanced', [634, 594])]);
    expect(benchmarkVerdict(summary)).toEqual(benchmarkVerdict(without));
    const page = plain(renderBenchmark(summary));
    expect(page).toContain('Its generated accuracy, of answers in free text, is 25.0 %.');
    expect(page).toContain('Tasks whose answers are not short have none: tell.');
    expect(page).toMatch(/77\.5 % ± 10\.6<\/td>\s*<td class="number" +data-key="[\d.]+" ?>\+12\.5 \(/);
    expect(renderBenchmark(BEHIND)).not.toContain('enerated accuracy');
    expect(benchmarkLines(summary).map(plain)).toEqual([
      '',
      '15 % of the rows, equal epochs, 2 seeds',
      'method             accuracy  minus task_balanced  95 % interval  adjusted p  generated accuracy',
      expect.stringMatching(/^task_balanced  61\.4 % ± 2\.8 +65\.0 % ± 7\.1$/),
      expect.stringMatching(/^tive           58\.[12] % ± 1\.6 .* 77\.5 % ± 10\.6$/),
    ]);
  });

  test('have columns of their own in results.parquet, null in tasks whose answers are not short', async () => {
    const lines = await parquetReadObjects({ file: resultsParquet(arms).buffer as ArrayBuffer });
    expect(lines.slice(2, 4)).toMatchObject([
      { task: 'name <b>', accuracy: 0.57, generated_rows: 10, generated_accuracy: 0.85, own_scorer: true },
      { task: 'tell', accuracy: 0, generated_rows: null, generated_accuracy: null, own_scorer: null },
    ]);
  });
});

test('results.parquet has a line for every training and task', async () => {
  const bytes = resultsParquet([...armsOf('tive', [593]), ...armsOf('random', [500], null)]);
  const lines = await parquetReadObjects({ file: bytes.buffer as ArrayBuffer });
  expect(lines).toEqual([
    {
      seed: 42n,
      budget: 0.15,
      length: 'epochs',
      full: false,
      method: 'tive',
      rows: 1194,
      steps: 225,
      task: 'name <b>',
      test_rows: 1000,
      correct: 593,
      accuracy: 0.593,
      mean_loss: 0.5,
    },
    expect.objectContaining({ method: 'random', budget: null, correct: 500 }),
  ]);
});

function plain(text: string): string {
  return text.replaceAll('\u00a0', ' ');
}
