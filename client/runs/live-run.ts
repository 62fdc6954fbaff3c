// Doing something to a run that is at work, wherever its workflow is.
import type { Client } from '@temporalio/client';
import type { Runtime } from '../cluster/runtime.ts';
import { hint } from '../terminal/own-command.ts';
import type { NamedRun } from './find-run.ts';
import type { AskedServer } from './look-at-run.ts';
import type { RunHandle } from './runs.ts';

/** What a person does to a run that is at work. */
export const LIVE_ACTS = ['pause', 'resume', 'approve', 'cancel'] as const;

export type LiveAct = (typeof LIVE_ACTS)[number];

/**
 * Pauses, resumes, cancels a run or approves of its quotas.
 * @returns what comes of it, in a sentence
 * @throws RangeError where nobody is at the run, or it does not wait for an approval
 */
export async function actOnRun(act: LiveAct, named: NamedRun, asked: AskedServer = {}): Promise<string> {
  const open = asked.connection ?? null;
  const runtime = open ?? (await openServer(named, asked));
  if (runtime === null)
    throw new RangeError(
      `${act}: run must be at work, got no server for "${named.runName}"; go on with tive run RECIPE, or name a cluster with --address`,
    );
  const { findRun } = await import('./runs.ts');
  try {
    return await ACTS[act](runtime.client, await findRun(runtime.client, named.runName));
  } finally {
    if (open === null) await runtime.close();
  }
}

const ACTS: Readonly<Record<LiveAct, (client: Client, handle: RunHandle) => Promise<string>>> = {
  pause: async (client, handle) => {
    const { pauseRun } = await import('./hold-run.ts');
    await pauseRun(client, handle);
    return `${handle.runName} is paused; ${hint('resume', handle.runName)}`;
  },
  resume: async (client, handle) => {
    const { resumeRun } = await import('./hold-run.ts');
    await resumeRun(client, handle);
    return `${handle.runName} goes on`;
  },
  approve: async (_, handle) => {
    const { approveRun } = await import('./hold-run.ts');
    await approveRun(handle);
    return `${handle.runName} goes on with its quotas`;
  },
  cancel: async (_, handle) => {
    await handle.workflow.cancel();
    return `${handle.runName} stops at its next checkpoint`;
  },
};

/** Where the run's workflow is: the named cluster, or the embedded server of the command that runs it now. */
async function openServer(
  { address: live, folder }: NamedRun,
  { address, namespace }: AskedServer,
): Promise<Runtime | null> {
  const cluster = address === undefined ? await folder.cluster() : { address, namespace: namespace ?? null };
  if (cluster === null && live === null) return null;
  const { connectServer, joinEmbedded } = await import('../cluster/runtime.ts');
  return cluster === null ? joinEmbedded(live!) : connectServer(cluster);
}
