// A run's plan, made in a process of its own.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { PlanAnswer, PlanQuestion } from '../../activities/plan/plan-process.ts';
import * as failures from '../../contracts/failures.ts';
import type { RunPlan } from '../../contracts/plan.ts';
import { prepareEngine } from '../../setup/prepare-engine.ts';
import { computeEnvironment, planComputeSlots, thisHost } from '../../workers/compute-environment.ts';

import { useEngine } from '../cluster/runtime.ts';

/**
 * What a run would do on so many compute processes, null as a run takes them. A process of its own has the engine, set
 * up as a compute process is.
 */
export async function planInProcess(
  { processCount, ...question }: Omit<PlanQuestion, 'processCount'> & { processCount: number | null },
  say: (text: string) => void,
): Promise<RunPlan> {
  const engine = await prepareEngine(say);
  const slots = planComputeSlots(thisHost(engine.gpuCount), processCount);
  useEngine(engine, say);
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const path = fileURLToPath(new URL(`../../activities/plan/plan-process.${ending}`, import.meta.url));
  const child = fork(path, [], {
    env: computeEnvironment(slots[0] ?? planComputeSlots(thisHost(engine.gpuCount), 1)[0]!, process.env),
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const answered = new Promise<PlanAnswer>((resolve, reject) => {
    child.once('message', (message) => resolve(message as PlanAnswer));
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`plan: the process must answer, got its end (${signal ?? code}); it may lack memory`)),
    );
  });
  child.send({ ...question, processCount: slots.length } satisfies PlanQuestion);
  const answer = await answered;
  if ('plan' in answer) return answer.plan;
  const { name, message } = answer.error;
  const known = Object.entries(failures).find(([kind]) => kind === name)?.[1] as
    | (new (text: string) => Error)
    | undefined;
  throw known === undefined ? new Error(message) : new known(message);
}
