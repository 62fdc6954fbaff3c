// Which methods, budgets and seeds a benchmark compares.
import { METHOD_NAMES } from '../../../contracts/methods.ts';
import { flag, fraction, integer, list, noneOrInteger, oneOf, says, section } from '../kinds.ts';

export const benchmark = section('what tive benchmark compares', {
  methods: list(oneOf(...METHOD_NAMES), 'a list of methods')
    .min(1, says('at least one method'))
    .nullable()
    .default(null)
    .describe('methods to compare; null = selection.method and evaluation.compare'),
  budgets: list(fraction(), 'a list of shares')
    .min(1, says('at least one share'))
    .nullable()
    .default(null)
    .describe('rows to select, as shares; null = the budget of allocation'),
  seeds: integer(1, 1000).default(5).describe('number of seeds, from run.seed on'),
  reference: oneOf('per_seed', 'shared')
    .default('per_seed')
    .describe('per_seed = each seed tunes a reference model of its own; shared = all use that of run.seed'),
  lengths: list(oneOf('epochs', 'steps'), 'a list of epochs and steps')
    .min(1, says('at least one of epochs and steps'))
    .default(['epochs'])
    .describe('over several budgets: equal epochs, equal optimiser steps, or both, a table each'),
  full: flag()
    .default(false)
    .describe('true = a model is also tuned on all rows, which relative performance is a share of'),
  lds: noneOrInteger(2, 499)
    .default(0)
    .describe('random halves of the rows to tune models on for the linear datamodelling score, 50 or more; 0 = none'),
});
