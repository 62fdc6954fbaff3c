// `tive status`, `cancel`, `pause`, `resume` and `approve`: a run that is under way.
import { Command } from '@commander-js/extra-typings';
import type { Client } from '@temporalio/client';
import { namedRun } from '../runs/find-run.ts';
import type { NamedRun } from '../runs/find-run.ts';
import { EXIT } from '../terminal/outcome.ts';
import { hint } from '../terminal/own-command.ts';
import { stageLines } from '../terminal/progress-display.ts';
import type { LookedAtRun } from '../runs/look-at-run.ts';
import type { RunHandle } from '../runs/runs.ts';
import type { Runtime } from '../cluster/runtime.ts';

/** `tive status`: where a run stands, or what it has found. */
export function statusCommand() {
  return withRunOptions(new Command('status'))
    .description('where a run stands; exit code 3 where it waits for approval')
    .option('--json', 'as JSON')
    .action(async (run, options) => {
      const { lookAtRun } = await import('../runs/look-at-run.ts');
      const found = await lookAtRun(await namedRun(run, options.runs), options);
      if (found.progress?.gate.awaitsApproval === true) process.exitCode = EXIT.awaitsApproval;
      process.stdout.write(`${options.json === true ? asJson(found) : describeStatus(found).join('\n')}\n`);
    });
}

function describeStatus({ kind, runName, state, address, progress, reason, notes, result }: LookedAtRun): string[] {
  const where = address === null ? '' : `  on ${address}`;
  const nobody = state === 'running' ? ['no control worker answers'] : [];
  const waiting = (progress?.stages ?? []).filter((line) => line.state === 'waiting').map(({ stage }) => stage);
  return [
    `${runName}: ${state}${where}`,
    ...(progress !== null ? stageLines(progress) : notes.length > 0 ? [] : nobody),
    ...(waiting.length === 0 ? [] : [`waiting: ${waiting.join(', ')}`]),
    ...(reason === null ? [] : [`reason: ${reason}`]),
    ...notes,
    ...(state === 'stopped' || state === 'failed' ? [`tive ${kind} RECIPE goes on with what is done`] : []),
    ...((result?.report ?? null) === null ? [] : [`report: ${hint('report', runName)}`]),
  ];
}

function asJson({ runName, state, address, progress, reason, notes }: LookedAtRun): string {
  const { working = new Map(), ...rest } = progress ?? {};
  const facts = { runName, status: state, address, reason, notes };
  return JSON.stringify({ ...facts, ...rest, working: Object.fromEntries(working) }, null, 2);
}

/** `tive cancel`: stops a run at its next checkpoint. */
export function cancelCommand() {
  return withRunOptions(new Command('cancel'))
    .description('stop a run at its next checkpoint; what it has done is kept')
    .action((run, options) =>
      onLiveRun('cancel', run, options, async (_, handle) => {
        await handle.workflow.cancel();
        return `${handle.runName} stops at its next checkpoint`;
      }),
    );
}

/** `tive pause`: holds a run at its checkpoints. */
export function pauseCommand() {
  return withRunOptions(new Command('pause'))
    .description('hold a run: what is in work stops at its next checkpoint, nothing new begins')
    .action((run, options) =>
      onLiveRun('pause', run, options, async (client, handle) => {
        const { pauseRun } = await import('../runs/hold-run.ts');
        await pauseRun(client, handle);
        return `${handle.runName} is paused; ${hint('resume', handle.runName)}`;
      }),
    );
}

/** `tive resume`: lets a paused run go on. */
export function resumeCommand() {
  return withRunOptions(new Command('resume'))
    .description('let a paused run go on; a run that was stopped goes on with tive run')
    .action((run, options) =>
      onLiveRun('resume', run, options, async (client, handle) => {
        const { resumeRun } = await import('../runs/hold-run.ts');
        await resumeRun(client, handle);
        return `${handle.runName} goes on`;
      }),
    );
}

/** `tive approve`: lets a run go on with its quotas. */
export function approveCommand() {
  return withRunOptions(new Command('approve'))
    .description('approve of the quotas of a run with allocation.approval: required')
    .action((run, options) =>
      onLiveRun('approve', run, options, async (_, handle) => {
        const { approveRun } = await import('../runs/hold-run.ts');
        await approveRun(handle);
        return `${handle.runName} goes on with its quotas`;
      }),
    );
}

/** Does something to a run that is at work, and prints what it says. @throws RangeError where none is */
async function onLiveRun(
  command: string,
  run: string,
  options: ServerOptions & { runs: string },
  act: (client: Client, handle: RunHandle) => Promise<string>,
): Promise<void> {
  const named = await namedRun(run, options.runs);
  const runtime = await openServer(named, options);
  if (runtime === null)
    throw new RangeError(
      `${command}: run must be at work, got no server for "${run}"; go on with tive run RECIPE, or name a cluster with --address`,
    );
  const { findRun } = await import('../runs/runs.ts');
  try {
    process.stdout.write(`${await act(runtime.client, await findRun(runtime.client, named.runName))}\n`);
  } finally {
    await runtime.close();
  }
}

function withRunOptions(command: Command) {
  return command
    .argument('<run>', 'name of the run, or its folder')
    .option('--runs <folder>', 'folder of the runs', './runs')
    .option('--address <host:port>', 'Temporal server of a cluster')
    .option('--namespace <name>', 'Temporal namespace of the cluster');
}

interface ServerOptions {
  address?: string | undefined;
  namespace?: string | undefined;
}

/** Where the run's workflow is: the named cluster, or the embedded server of the command that runs it now. */
async function openServer(
  { address: live, folder }: NamedRun,
  { address, namespace }: ServerOptions,
): Promise<Runtime | null> {
  const cluster = address === undefined ? await folder.cluster() : { address, namespace: namespace ?? null };
  if (cluster === null && live === null) return null;
  const { connectServer, joinEmbedded } = await import('../cluster/runtime.ts');
  return cluster === null ? joinEmbedded(live!) : connectServer(cluster);
}
