// Plans one run in a process with an engine: a config comes in as a message, the plan or an error goes out.
import { ModelHost } from '../shared/model-host.ts';
import { planRun } from './plan-run.ts';
import type { Config } from '../../contracts/config.ts';
import type { RunPlan } from '../../contracts/plan.ts';
import type { Stage } from '../../contracts/stages.ts';
import { openStore } from '../../store/open-store.ts';

/** What the process is asked, and what it answers. */
export interface PlanQuestion {
  config: Config;
  withProbe: boolean;
  /** Last stage of the run. */
  until: Stage;
  /** Compute processes of the run. */
  processCount: number;
}
export type PlanAnswer = { plan: RunPlan } | { error: { name: string; message: string } };

process.once('message', (question: PlanQuestion) => {
  void answer(question).then((found) => process.send!(found, () => process.exit(0)));
});

async function answer({ config, withProbe, until, processCount }: PlanQuestion): Promise<PlanAnswer> {
  const models = new ModelHost();
  try {
    return { plan: await planRun(config, { openStore, models }, withProbe, until, processCount) };
  } catch (error) {
    const { name, message } = error as Error;
    return { error: { name, message } };
  } finally {
    await models.dispose();
  }
}
