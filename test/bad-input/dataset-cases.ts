import { allocateBudget } from '../../algorithms/allocate-budget.ts';
import { loadRecipe } from '../../client/recipe/recipe.ts';
import type { AllocationConfig } from '../../contracts/config.ts';
import { countWarnings } from '../../dataset/rows/dataset-checks.ts';
import { LLAVA_PUBLISHED_COUNTS } from '../../dataset/tasks/task-rules.ts';
import { TEXT, config, dataset, warning } from './case.ts';
import type { Case } from './case.ts';
import { GOOD, about, stops, talk, warns } from './world.ts';

const tasks = (value: number) => [{ task: 'qa', rowCount: 480, value }];
const budget: AllocationConfig = {
  budgetFraction: null,
  budgetRows: 500,
  budgetBase: 'eligible',
  weighting: 'value',
  alpha: 0.5,
  overflow: 'redistribute',
  rounding: 'largest_remainder',
  approval: 'none',
};

export const RECIPE: Case[] = [
  [
    1,
    'an unknown key',
    (world) => (world.recipe('dataset:\n  exclude_task: []'), stops(() => world.config())),
    config('recipe.yaml:5:3: keys must be known, got "exclude_task"; did you mean "exclude_tasks"?'),
  ],
  [
    2,
    'a fraction in per cent',
    (world) => (world.recipe('allocation:\n  budget_fraction: 15'), stops(() => world.config())),
    config('recipe.yaml:5:3 allocation.budget_fraction: must be in (0, 1], got 15; write 0.15 for 15 %'),
  ],
  [
    3,
    'both budgets',
    (world) => (world.recipe('allocation: { budget_fraction: 0.1, budget_rows: 5 }'), stops(() => world.config())),
    config(
      /^(recipe\.yaml:4:\d+ )?allocation: exactly one of budget_fraction, budget_rows must be set, got both; set one to null$/,
    ),
  ],
  [
    4,
    'a budget above the supply',
    () => stops(() => allocateBudget(tasks(1), budget, 480)),
    config('allocation: budget must be at most 480 usable rows, got 500; lower budget_rows or set overflow: repeat'),
  ],
  [
    5,
    'an excluded task that is not there',
    (world) => stops(() => world.scan('dataset.exclude_tasks=[textcap]')),
    dataset('dataset.exclude_tasks: tasks must exist, got "textcap"; known: qa'),
  ],
];

export const DATASET: Case[] = [
  [
    6,
    'nothing left',
    (world) => (
      world.rows([about('a.png'), about('b.png'), { ...TEXT, ...talk('Q', 'A', 'Q') }]),
      stops(() => world.scan())
    ),
    dataset(
      'dataset: at least one usable row must remain, got 0 of 3 (2 image_missing, 1 answer_missing); check image_folder',
    ),
  ],
  [
    7,
    'no file',
    (world) => (
      world.recipe('dataset: { path: data/no.json }'),
      stops(() => loadRecipe(world.path('recipe.yaml'), {}))
    ),
    config(/^dataset\.path: file must exist, got "data\/no\.json"/),
  ],
  [
    8,
    'a web page',
    (world) => (world.write('mix.json', '<!doctype html><html>'), stops(() => world.scan())),
    dataset('mix.json: must start with "[" or "{", got "<!do"; the download is probably an error page'),
  ],
  [
    9,
    'a Git LFS pointer',
    (world) => (
      world.write(
        'mix.json',
        `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 1030000000\n`,
      ),
      stops(() => world.scan())
    ),
    dataset(/^mix\.json: must hold data, got a Git LFS pointer of 13\d bytes; run git lfs pull$/),
  ],
  [
    10,
    'a file that is cut short',
    (world) => (world.write('mix.json', `[${JSON.stringify(GOOD)}, {"id": 2, `), stops(() => world.scan())),
    dataset(/^mix\.json byte [\d,]+: the array must be closed, got end of file after 1 rows; download it again$/),
  ],
  [
    11,
    'no labels',
    (world) => (world.rows([{ ...talk('Q', 'A') }]), stops(() => world.scan('dataset.task_rules=null'))),
    dataset(
      'dataset: rows must have "dataset" or task_rules must be set, got neither; run tive data label, or set task_rules: llava-1.5, prefix, single or cluster',
    ),
  ],
  [
    12,
    'too many bad rows',
    (world) => (
      world.rows([...Array.from({ length: 30 }, () => GOOD), about('no.png'), about('no.png')]),
      stops(() => world.scan('dataset.max_quarantined_fraction=0.02'))
    ),
    dataset(
      'dataset: quarantined share must be at most 0.02, got 0.0625 (2 of 32, mostly image_missing); check image_folder or raise max_quarantined_fraction',
    ),
  ],
  [
    13,
    'counts that are not the published ones',
    () =>
      Promise.resolve(warns(countWarnings(new Map(Object.entries({ ...LLAVA_PUBLISHED_COUNTS, refcoco: 30_112 }))))),
    warning('task rules llava-1.5: refcoco must count 48,447, got 30,112; the file is not llava_v1_5_mix665k'),
  ],
];
