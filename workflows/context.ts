// What the steps of a workflow share: its input, its activities, its progress, and what a person holds.
import { proxyActivities, setHandler } from '@temporalio/workflow';
import type { ComputeActivities } from '../activities/compute.ts';
import type { ControlActivities } from '../activities/control.ts';
import type { RunInput } from '../contracts/messages/run.ts';
import type { Stage } from '../contracts/stages.ts';
import { reaches, workOf } from '../contracts/work.ts';
import type { Work } from '../contracts/work.ts';
import { computeOptions, controlOptions } from './activity-options.ts';
import { RunGate } from './run-gate.ts';
import { progressQuery, RunProgress } from './progress.ts';

export type RunContext = ReturnType<typeof createContext>;

/** Opens a run: from here on it answers queries and takes signals. */
export function createContext(input: RunInput) {
  const progress = new RunProgress();
  const gate = new RunGate();
  progress.skipAfter(input.until);
  setHandler(progressQuery, () => progress.stages, { description: 'Where the run stands, stage by stage.' });
  const work: Work = workOf(input.config, input.until);
  const { config, referenceSeed } = input;
  return {
    input,
    /** The recipe as the reference model and what is made by it see it. */
    referenceConfig: referenceSeed === undefined ? config : { ...config, run: { ...config.run, seed: referenceSeed } },
    work,
    progress,
    gate,
    compute: proxyActivities<ComputeActivities>(computeOptions(input.heartbeatTimeoutMs)),
    control: proxyActivities<ControlActivities>(controlOptions(input.heartbeatTimeoutMs)),
    /** What a person should know, as the stages came. */
    warnings: [] as string[],
    wants: (stage: Stage): boolean => reaches(input.until, stage),
  };
}

/** Does the work; where it fails, the stages that were in work say so. */
export async function marked<Result>({ progress }: RunContext, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    progress.fail();
    throw error;
  }
}
