// What is kept of each row's gradient, and how rows and tasks are valued by it.
import { PRECONDITIONERS } from '../../../contracts/config.ts';
import { flag, integer, integerOrAuto, oneOf, powerOfTwo, section } from '../kinds.ts';

export const gradients = section('the gradient of every row', {
  cutoff_len: integer(1).default(2048).describe('longest example in tokens; the rest is cut off'),
  sketch: powerOfTwo(2 ** 20)
    .default(8192)
    .describe('dimension of the stored gradient, a power of two'),
  projection: oneOf('sparse', 'rademacher', 'kron', 'none')
    .default('sparse')
    .describe(
      'random matrix that projects the gradient; kron = of each factor’s long side, torch engine only; none keeps it whole',
    ),
  projection_seed: integer(0).default(0).describe('seed of the projection'),
  storage: oneOf('float32', 'int8')
    .default('float32')
    .describe('type of the stored gradient; int8 is a quarter of the size'),
  token_budget: integerOrAuto(1)
    .default('auto')
    .describe('padded tokens of a micro-batch; auto = up to 8192, as there is memory'),
  shard_rows: integer(1)
    .default(4096)
    .describe('least rows of a shard, the unit of retry; a run has at most 8,000 shards'),
  preconditioner: oneOf(...PRECONDITIONERS)
    .default('none')
    .describe(
      'adam = stored gradients are scaled by the warm-up’s moments, as LESS does; norms and queries stay plain',
    ),
});

export const values = section('the value of tasks and rows', {
  task_value: oneOf(
    'gradient_norm',
    'self_influence',
    'gradient_norm_sum',
    'gradient_norm_trimmed',
    'gradient_norm_winsorised',
    'gradient_norm_median',
  )
    .default('gradient_norm')
    .describe('mean norm; self_influence = mean square; _sum = norm × answer tokens; others: robust means'),
  instance_value: oneOf('mean_of_cosines', 'cosine_to_mean')
    .default('mean_of_cosines')
    .describe('as the released code; cosine_to_mean = first version of the paper'),
  self_term: flag().default(true).describe('whether a row’s cosine with itself counts'),
});
