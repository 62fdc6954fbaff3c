// The two trainings, of the reference model and on the chosen rows, and the test rows.
import { z } from 'zod';
import { METHOD_NAMES } from '../../../contracts/methods.ts';
import { flag, fraction, integer, list, oneOf, place, positive, says, section, share, text } from '../kinds.ts';
import { imageFolders, rowsPath } from './dataset.ts';

const FOLLOWS = 'null = follows from the number of rows';

export const warmup = section('training of the reference model on a small sample', {
  fraction: fraction().default(0.08).describe('share of the usable rows'),
  balance: oneOf('per_task', 'none')
    .default('per_task')
    .describe('per_task = equal quotas; none = a sample of all tasks together'),
  epochs: integer(1, 1000).nullable().default(null).describe(`passes over the sample; ${FOLLOWS}`),
  batch_size: integer(1).nullable().default(null).describe(`rows of one optimiser step; ${FOLLOWS}`),
  learning_rate: positive().nullable().default(null).describe(`peak learning rate of AdamW; ${FOLLOWS}`),
  schedule: oneOf('cosine', 'constant').default('cosine').describe('course of the learning rate after its rise'),
  warmup_fraction: share().default(0.03).describe('share of the steps with a linear rise'),
  lora_rank: integer(1).default(128).describe('rank of the adapter'),
  lora_alpha: positive().default(256).describe('the adapter is scaled by alpha / rank'),
  lora_target: list(
    text('the name of a linear layer').regex(/^\w+$/, says('the name of a linear layer')),
    'a list of linear layers',
  )
    .min(1, says('at least one linear layer'))
    .default(['q_proj', 'k_proj', 'v_proj', 'o_proj'])
    .describe(
      'linear layers of the decoder that get an adapter: gate_proj, up_proj, down_proj too, and what a model names otherwise',
    ),
  trajectory: integer(0, 64)
    .default(0)
    .describe(
      'of trajectories: checkpoints of the training, its end included, at which every row’s loss is taken; 0 = none',
    ),
});

export const finetune = section('training on the chosen rows', {
  enabled: flag().default(true).describe('false ends the run with the selection and its report'),
  epochs: integer(1, 1000).nullable().default(null).describe(`passes over the chosen rows; ${FOLLOWS}`),
  batch_size: integer(1).nullable().default(null).describe(`rows of one optimiser step; ${FOLLOWS}`),
  learning_rate: positive()
    .nullable()
    .default(null)
    .describe(`peak learning rate of AdamW; ${FOLLOWS}; everything else as in warmup`),
});

export const evaluation = section('test rows, and what the choice is compared with', {
  path: rowsPath()
    .nullable()
    .default(null)
    .describe('test rows in the dataset’s form, named in the same ways; null = none'),
  image_folder: imageFolders().nullable().default(null).describe('as dataset.image_folder'),
  max_rows: integer(1).default(2000).describe('first test rows only'),
  compare: list(oneOf(...METHOD_NAMES), 'a list of methods')
    .default(['random', 'task_balanced'])
    .describe('selected, fine-tuned and evaluated beside the run’s own method'),
  generate: flag()
    .default(false)
    .describe(
      'true = models also answer the test rows of tasks with short answers in free text, scored by exact match',
    ),
  answer_tokens: integer(1, 4096)
    .default(32)
    .describe('a task’s answers are short where 95 % of its test rows’ last ones have so many tokens at most'),
  scorers: z
    .record(text('a task'), place('an executable'), says('a map of tasks to executables'))
    .nullable()
    .default(null)
    .describe('executables that score generated answers in place of exact match: { vqa: scorers/contains.py }'),
});
