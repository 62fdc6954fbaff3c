// Gradients at the checkpoints of the warm-up before its end, for methods that add what each of them says.
import { ApplicationFailure } from '@temporalio/workflow';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { CheckpointGradients, EarlierGradients } from '../../contracts/messages/gradients.ts';
import type { AdapterResult } from '../../contracts/messages/training.ts';
import { addsCheckpoints, queryDataset } from '../../contracts/queries.ts';
import type { RunContext } from '../context.ts';
import { countText } from '../progress-facts.ts';
import { gradientsOf, makeGradients } from './gradients.ts';

/**
 * Gradients of all rows and of the queries at every checkpoint but the last, one after the other; null where no method
 * adds them.
 * @throws ApplicationFailure of type InvalidConfigError where the reference model has no checkpoints
 */
export async function takeEarlierGradients(
  context: RunContext,
  dataset: ScanResult,
  warmup: AdapterResult,
): Promise<EarlierGradients | null> {
  const { input, work, progress } = context;
  const { config } = input;
  if (!work.methods.some((method) => addsCheckpoints(method, config.selection))) return null;
  const { adapter, trajectory = [], trajectoryRates: rates = [] } = warmup;
  if (trajectory.length < 2 || rates.length !== trajectory.length)
    throw ApplicationFailure.nonRetryable(
      `selection.query_checkpoints: all needs a reference model with two checkpoints or more, got ${trajectory.length}; ` +
        'set warmup.trajectory, or query_checkpoints: last',
      'InvalidConfigError',
    );
  const asked = queryDataset(config, work);
  // Losses at checkpoints stand in the table of the end.
  const plain = { ...context, input: { ...input, config: { ...config, warmup: { ...config.warmup, trajectory: 0 } } } };
  const take = async (step: number, rate: number): Promise<CheckpointGradients> => {
    const model = { adapter, step };
    const { gradients } = await makeGradients(plain, dataset.rows, model);
    const queries = asked === null ? null : (await gradientsOf(context, asked, model)).gradients;
    return { step, rate, gradients, queries };
  };
  const checkpoints: CheckpointGradients[] = [];
  for (const [place, step] of trajectory.slice(0, -1).entries()) {
    const detail = `after ${countText(step)} updates of the warm-up`;
    checkpoints.push(await progress.goOn('gradients', detail, () => take(step, rates[place]!)));
  }
  return { checkpoints, lastRate: rates.at(-1)! };
}
