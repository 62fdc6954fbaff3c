import { recipeSchema } from '../../client/recipe/recipe-schema.ts';
import type { Config } from '../../contracts/config.ts';
import { withMemoryNames } from '../../contracts/disk-names.ts';
import type { Quantiles, RunSummary, ScoreSummary, TaskDistribution, TaskSummary } from '../../contracts/summary.ts';

const TRAINING = { epochs: 3, batch_size: 16, learning_rate: 0.003 };

/** The recipe of the bundled demo; what it does not set has its default. */
export const DEMO_CONFIG = withMemoryNames(
  recipeSchema.parse({
    run: { name: 'demo', output_dir: '/runs' },
    store: { uri: '/store' },
    model: { path: '/demo/model' },
    dataset: { path: ['/demo/train.json'], task_rules: null },
    warmup: { ...TRAINING, lora_rank: 16, lora_alpha: 32 },
    gradients: { cutoff_len: 256, sketch: 512, shard_rows: 1024 },
    finetune: TRAINING,
    evaluation: { path: '/demo/test.json' },
  }),
) as Config;

/**
 * Tasks of the demo with its prototype's scores: rows, task value, selected rows, accuracy of random, balanced, tive,
 * base.
 */
const TASKS: readonly [string, number, number, number, number, number, number, number][] = [
  ['garment_name', 2000, 5.1, 106, 0.86, 0.81, 0.8, 0.03],
  ['garment_check', 1500, 4.2, 87, 0.77, 0.7, 0.69, 0.64],
  ['scene_color', 1200, 7.9, 164, 0.41, 0.4, 0.43, 0.02],
  ['garment_choice', 900, 4.6, 95, 0.46, 0.42, 0.39, 0.17],
  ['digit_read', 700, 7.3, 151, 0.23, 0.21, 0.26, 0],
  ['scene_count', 500, 5.9, 122, 0.27, 0.26, 0.29, 0.01],
  ['garment_pair', 400, 9.3, 193, 0.41, 0.53, 0.58, 0],
  ['scene_where', 300, 6.6, 137, 0.28, 0.32, 0.31, 0.01],
  ['digit_sum', 300, 4.5, 93, 0.06, 0.07, 0.07, 0.01],
  ['scene_caption', 160, 2.4, 46, 0.27, 0.79, 0.43, 0],
];

const LAMBDAS = [0.1, 0.3, 1, 3, 10, 30, 100];

const TEST_ROWS = 200;

/** A run on the first so many tasks of the demo, with round made-up distributions. */
export function demoSummary(taskCount = TASKS.length): RunSummary {
  const rows = TASKS.slice(0, taskCount);
  const tasks = rows.map(taskSummary);
  const selected = tasks.reduce((sum, { copyCount }) => sum + copyCount, 0);
  const usable = tasks.reduce((sum, { usableCount }) => sum + usableCount, 0);
  const scores = [
    score('tive', selected, rows, 6),
    score('random', selected, rows, 4),
    score('task_balanced', selected, rows, 5),
    score(null, 0, rows, 7),
  ];
  const [own, random, balanced, base] = scores as [ScoreSummary, ScoreSummary, ScoreSummary, ScoreSummary];
  const difference = (other: ScoreSummary) => own.macroAccuracy - other.macroAccuracy;
  const gap = (other: ScoreSummary): [number, number] => [difference(other) - 0.0155, difference(other) + 0.0155];
  return {
    runName: 'demo',
    config: DEMO_CONFIG,
    dataset: { rowCount: usable + 8, usableCount: usable, duplicateCount: 0, tokenCount: usable * 35 },
    selection: { method: 'tive', budget: selected, rowCount: selected, distinctCount: selected },
    tasks,
    instanceValues: {
      kind: 'mean_of_cosines',
      edges: Array.from({ length: 25 }, (_, edge) => -0.2 + edge * 0.025),
      tasks: rows.map(distribution),
      lambdas: LAMBDAS,
    },
    gradientNorms: tasks.map(({ task, value }) => ({
      task,
      quantiles: [0.4, 0.8, 1, 1.3, 2.2].map((factor) => factor * value!) as Quantiles,
    })),
    space: demoSpace(tasks.map(({ task }) => task)),
    bias: [
      {
        property: 'answer length',
        unit: 'tokens',
        allCount: usable,
        selectedCount: selected,
        all: [3, 4, 6, 9, 21],
        selected: [3, 4, 7, 12, 24],
      },
      {
        property: 'turns',
        unit: 'turns',
        allCount: 300,
        selectedCount: 300,
        all: [2, 2, 2, 2, 4],
        selected: [2, 2, 2, 2, 4],
      },
    ],
    rounds: null,
    filters: null,
    stress: null,
    training: [null, 'tive' as const].map((method) => ({
      method,
      stepCount: 120,
      schedule: { epochs: 3, batchSize: 16, learningRate: 0.003 },
      steps: Array.from({ length: 40 }, (_, step) => 3 * step),
      losses: Array.from({ length: 40 }, (_, step) => 6 / (1 + step / 8) + 0.4 * Math.cos(step)),
      smoothed: Array.from({ length: 40 }, (_, step) => 6 / (1 + step / 8)),
    })),
    evaluation: {
      testRowCount: TEST_ROWS * rows.length,
      scores,
      differences: [
        { method: 'random', selectedCount: selected, difference: difference(random), interval: gap(random) },
        { method: 'task_balanced', selectedCount: selected, difference: difference(balanced), interval: gap(balanced) },
        { method: null, selectedCount: 0, difference: difference(base), interval: gap(base) },
      ],
    },
    quarantine: [
      {
        reason: 'image_type_unsupported',
        count: 2,
        examples: [
          {
            rowIndex: 1409,
            task: 'garment_name',
            detail: 'image must be JPEG, PNG, GIF, WebP, TIFF or AVIF, got an empty file',
          },
        ],
      },
      {
        reason: 'answer_empty',
        count: 1,
        examples: [{ rowIndex: 5120, task: 'garment_check', detail: 'turn 1: answer must not be empty, got ""' }],
      },
      {
        reason: 'conversations_missing',
        count: 1,
        examples: [
          {
            rowIndex: 6011,
            task: 'scene_color',
            detail: 'conversations must be a list of turns, got undefined; keys: id, image, dataset',
          },
        ],
      },
      {
        reason: 'image_missing',
        count: 1,
        examples: [{ rowIndex: 98, task: 'garment_name', detail: 'image must exist, got train/none.png' }],
      },
      {
        reason: 'image_truncated',
        count: 1,
        examples: [
          { rowIndex: 2210, task: 'garment_name', detail: 'image must be complete, got pngload_buffer: end of stream' },
        ],
      },
      {
        reason: 'image_type_html',
        count: 1,
        examples: [
          {
            rowIndex: 3333,
            task: 'scene_color',
            detail: 'image must be a picture, got an HTML page; the link is probably dead',
          },
        ],
      },
      {
        reason: 'role_order',
        count: 1,
        examples: [{ rowIndex: 90, task: 'garment_check', detail: 'turn 1: role must be gpt, got human' }],
      },
    ],
    examples: rows.flatMap(([task], index) => [
      {
        task,
        group: 'top',
        rowIndex: 100 + index,
        instanceValue: 0.31,
        gradientNorm: 4.2,
        loss: 0.73,
        copies: 1,
        thumbnail: null,
        turns: [
          { role: 'human', text: '<image>\nWhat garment is this?' },
          { role: 'gpt', text: 'sneaker' },
        ],
      },
      {
        task,
        group: 'bottom',
        rowIndex: 200 + index,
        instanceValue: -0.11,
        gradientNorm: 9.8,
        loss: 3.4,
        copies: 0,
        thumbnail: null,
        turns: [
          { role: 'human', text: '<image>\nWhich one is it?\nA. dress\nB. bag\nC. boot\nAnswer with the letter.' },
          { role: 'gpt', text: 'B' },
        ],
      },
    ]),
    facts: {
      engine: { engine: 'tensorflow', libraryVersion: '2.18.0', device: 'cpu', settings: 'avx2, oneDNN on' },
      durationMs: 151_212,
      stages: [
        {
          stage: 'dataset',
          state: 'done',
          detail: '7,968 rows  10 tasks  8 quarantined',
          durationMs: 6200,
          artifacts: [
            {
              name: 'rows',
              reference: {
                uri: 'artifacts/dataset/0123456789',
                sha256: 'ab'.repeat(32),
                rowCount: 7968,
                schemaVersion: 1,
              },
              cached: false,
            },
          ],
        },
        {
          stage: 'warmup',
          state: 'cached',
          detail: '637 rows  120 steps  loss 2.81 → 1.20',
          durationMs: 12,
          artifacts: [],
        },
        { stage: 'gradients', state: 'done', detail: '7,960 rows', durationMs: 64_000, artifacts: [] },
        {
          stage: 'finetune',
          state: 'done',
          detail: '1,194 rows  225 steps  loss 2.60 → 0.71',
          durationMs: 81_000,
          artifacts: [],
        },
      ],
      versions: [
        { name: 'tive', version: '0.1.0' },
        { name: 'node', version: 'v20.20.0' },
      ],
    },
    reselection: null,
    warnings: [],
  };
}

function taskSummary([task, rowCount, value, selectedCount]: (typeof TASKS)[number]): TaskSummary {
  const quarantinedCount = { garment_name: 4, garment_check: 2, scene_color: 2 }[task] ?? 0;
  return {
    task,
    rowCount: rowCount + quarantinedCount,
    usableCount: rowCount,
    quarantinedCount,
    value,
    interval: [value * 0.96, value * 1.04],
    meanLoss: value / 4,
    meanSupervisedTokens: task === 'scene_caption' ? 8 : 2.6,
    share: value / 57.8,
    ideal: (1194 * value) / 57.8,
    quota: selectedCount,
    autoQuota: Math.min(rowCount, 119),
    selectedCount,
    copyCount: selectedCount,
    effectiveShare: 0.998 - value / 400,
  };
}

function distribution([task, rowCount, value, selectedCount]: (typeof TASKS)[number], index: number): TaskDistribution {
  const bell = (center: number, total: number) =>
    Array.from({ length: 24 }, (_, bin) => Math.round((total / 5) * Math.exp(-(((bin - center) / 3) ** 2))));
  return {
    task,
    allCounts: bell(8 + index, rowCount),
    selectedCounts: bell(8.6 + index, selectedCount),
    effectiveShares: LAMBDAS.map((lambda) => 1 / (1 + (lambda * value) / 400)),
  };
}

/** Scores with the accuracies in one column of `TASKS`. */
function score(
  method: ScoreSummary['method'],
  selectedCount: number,
  rows: typeof TASKS,
  column: 4 | 5 | 6 | 7,
): ScoreSummary {
  const tasks = rows.map((row) => ({ task: row[0], rowCount: TEST_ROWS, accuracy: row[column] }));
  const macroAccuracy = tasks.reduce((sum, { accuracy }) => sum + accuracy, 0) / tasks.length;
  return {
    method,
    selectedCount,
    macroAccuracy,
    interval: [macroAccuracy - 0.018, macroAccuracy + 0.018],
    meanLoss: 2 - macroAccuracy,
    tasks,
  };
}

/** A round map, and tasks the less alike the farther apart. */
function demoSpace(tasks: readonly string[]): RunSummary['space'] {
  const points = Array.from({ length: 120 }, (_, index) => ({
    rowIndex: index * 11,
    task: tasks[index % tasks.length]!,
    x: Number(Math.cos(index).toFixed(5)),
    y: Number((0.5 * Math.sin(index * 1.7)).toFixed(5)),
    nearestCosine: index % 10 === 0 ? 0.97 : 0.4,
  }));
  const taskCosines = tasks.map((_, row) =>
    tasks.map((__, column) => (row === column ? 1 : Number((0.9 - 0.2 * Math.abs(row - column)).toFixed(5)))),
  );
  const selectedRows = points.filter((_, index) => index % 4 === 0).map(({ rowIndex }) => rowIndex);
  return { points, explained: [0.31, 0.12], tasks: [...tasks], taskCosines, selectedRows };
}
