// The linear datamodelling score of a benchmark: its random halves, the gradients of its test rows, and what they give.
import { proxyActivities } from '@temporalio/workflow';
import type { ComputeActivities } from '../activities/compute.ts';
import type { ControlActivities } from '../activities/control.ts';
import { subsetSeeds } from '../algorithms/subset-seeds.ts';
import { subsetCell, subsetCountOf } from '../contracts/benchmark-cells.ts';
import type { BenchmarkCell } from '../contracts/benchmark-cells.ts';
import type { Config } from '../contracts/config.ts';
import type { BenchmarkInput, LdsResult, LdsSubset } from '../contracts/messages/benchmark.ts';
import type { ScanResult } from '../contracts/messages/dataset.ts';
import type { RunResult } from '../contracts/messages/run.ts';
import { testDataset } from '../contracts/queries.ts';
import { computeOptions, controlOptions } from './activity-options.ts';
import { gradientsOf } from './stages/gradients.ts';

/** The runs of the random halves; none where no score is asked for. */
export function subsetCells({ benchmark, run }: Config): BenchmarkCell[] {
  return subsetSeeds(run.seed, subsetCountOf(benchmark)).map((seed, subset) => subsetCell(subset, seed));
}

/** What the run of a random half has found. */
export function subsetOf({ methods: [done] }: RunResult): LdsSubset {
  return { selection: done!.selection!.selection, outcomes: done!.evaluation!.outcomes };
}

/** Takes the gradients of the test rows at the reference model, and holds them against the subsets. */
export async function scoreSubsets(
  input: BenchmarkInput,
  { dataset, warmup, gradients: tables }: RunResult,
  { rows: testRows }: ScanResult,
  subsets: LdsSubset[],
): Promise<LdsResult> {
  const { config, heartbeatTimeoutMs } = input;
  const compute = proxyActivities<ComputeActivities>(computeOptions(heartbeatTimeoutMs));
  // Two passes over whole tables, a millisecond a row for 50 subsets.
  const options = { ...controlOptions(heartbeatTimeoutMs), startToCloseTimeout: '12h' as const };
  const control = proxyActivities<ControlActivities>(options);
  // The plan of the dataset's own gradients has said what there is to warn of.
  const taken = { input, compute, warnings: [] };
  const queries = await gradientsOf(taken, testDataset(config)!, warmup!);
  const { gradients, reused } = tables!;
  const summary = 'linear datamodelling score';
  return control.scoreDatamodels.executeWithOptions({ summary }, [
    {
      config,
      rows: dataset!.rows,
      gradients: [gradients, ...reused],
      testRows,
      queries: queries.gradients,
      subsets,
    },
  ]);
}
