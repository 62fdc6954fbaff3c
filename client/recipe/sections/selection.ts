// How many rows each task gets, and which.
import {
  AUTO_METHOD,
  FILTER_NAMES,
  METHOD_NAMES,
  QUERY_CHECKPOINTS,
  QUERY_SOURCES,
  RANKS,
} from '../../../contracts/methods.ts';
import { flag, fraction, integer, list, notNegative, oneOf, place, section, share } from '../kinds.ts';

export const allocation = section('how the budget is shared out over the tasks', {
  budget_fraction: fraction()
    .nullable()
    .default(0.15)
    .describe('rows to select, as a share; exactly one of this and budget_rows is set'),
  budget_rows: integer(1).nullable().default(null).describe('rows to select, in place of a share'),
  budget_base: oneOf('eligible', 'all')
    .default('eligible')
    .describe('what the share is of; all = every row of the dataset, of excluded tasks and set aside too'),
  weighting: oneOf('value', 'equal', 'size').default('value').describe('what a task’s quota is proportional to'),
  alpha: share().default(0.5).describe('of size_tempered: quota ∝ rows^alpha; 0 = equal, 1 = by size'),
  overflow: oneOf('redistribute', 'repeat')
    .default('redistribute')
    .describe('when a quota exceeds the task: other tasks get the rest, or rows come again'),
  augment: oneOf('none', 'pictures')
    .default('none')
    .describe(
      'of overflow: repeat: pictures = further copies of a row have changed pictures, where words allow it (docs/data.md)',
    ),
  rounding: oneOf('largest_remainder', 'truncate')
    .default('largest_remainder')
    .describe('how quotas become whole rows; truncate = as released'),
  approval: oneOf('none', 'required')
    .default('none')
    .describe('required = the run waits with its quotas for tive approve'),
});

export const selection = section('which rows of a task are taken', {
  method: oneOf(...METHOD_NAMES, 'auto')
    .default('tive')
    .describe(`what each does: the methods in docs/recipe.md; auto = ${AUTO_METHOD}, see docs/results.md`),
  rounds: integer(1, 16)
    .default(1)
    .describe('rounds of choosing, each from the last one’s rows by a model that is tuned on them'),
  lambda: notNegative().default(3).describe('probability ∝ exp(lambda · value) inside a task'),
  ess_target: fraction()
    .nullable()
    .default(null)
    .describe('in place of lambda: effective share of rows that each task’s own lambda gives, e.g. 0.99'),
  replacement: flag().default(false).describe('true = a row may be drawn again'),
  ranks: oneOf(...RANKS)
    .default('top')
    .describe('of rows ranked by a score, largest first; mid = those around the median'),
  queries: oneOf(...QUERY_SOURCES)
    .default('held_out')
    .describe('of less, icons, gist: rows of the dataset that are held out, or the test rows'),
  query_path: place('a file of rows', true)
    .nullable()
    .default(null)
    .describe('rows in the dataset’s form that are the queries in their place: what helps these?'),
  query_checkpoints: oneOf(...QUERY_CHECKPOINTS)
    .default('last')
    .describe(
      'of less: compared at the reference model; all = at every checkpoint of warmup.trajectory, by learning rate',
    ),
  query_rows: integer(1).default(16).describe('rows of each task that are held out, and not selected'),
  query_rank: integer(1).default(32).describe('of gist: most dimensions of the queries’ subspace'),
  cluster_count: integer(1).default(16).describe('of clusters, trajectories: clusters of each task'),
  filters: list(oneOf(...FILTER_NAMES), 'a list of filters')
    .default([])
    .describe('what is left out first, whatever the method: the filters below'),
  near_duplicate_cosine: fraction()
    .default(0.95)
    .describe('of near_duplicates: least cosine of two gradients that count as one'),
  near_duplicate_weight: fraction()
    .nullable()
    .default(null)
    .describe(
      'cosine from which near-copies share the weight of one row in a random draw, e.g. 0.95; null = they do not',
    ),
  loss_guard: share()
    .default(0.1)
    .describe('of loss_guard: share of losses worse than half of chance that a task may have'),
  loss_cut: share().default(0.15).describe('of loss_cut: share of the highest losses of every task'),
});
