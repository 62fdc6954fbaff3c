// `tive status`, `cancel`, `pause`, `resume` and `approve`: a run that is under way.
import { Command } from '@commander-js/extra-typings';
import { namedRun } from '../runs/find-run.ts';
import { withPlaces } from './run-options.ts';
import { EXIT } from '../terminal/outcome.ts';
import { hint } from '../terminal/own-command.ts';
import { leftText, stageLines } from '../terminal/progress-display.ts';
import type { LookedAtRun } from '../runs/look-at-run.ts';
import type { LiveAct } from '../runs/live-run.ts';

/** `tive status`: where a run stands, or what it has found. */
export function statusCommand() {
  const status = new Command('status')
    .description('where a run stands; exit code 3 where it waits for approval')
    .argument('<run>', 'name of the run, or its folder');
  return withPlaces(status)
    .option('--json', 'as JSON')
    .action(async (run, options) => {
      const { lookAtRun } = await import('../runs/look-at-run.ts');
      const found = await lookAtRun(await namedRun(run, options.runs), options);
      if (found.progress?.gate.awaitsApproval === true) process.exitCode = EXIT.awaitsApproval;
      process.stdout.write(`${options.json === true ? asJson(found) : describeStatus(found).join('\n')}\n`);
    });
}

function describeStatus(found: LookedAtRun): string[] {
  const { kind, runName, state, address, progress, left, reason, notes, result } = found;
  const seconds = left?.seconds ?? null;
  const where = address === null ? '' : `  on ${address}`;
  const nobody = state === 'running' ? ['no control worker answers'] : [];
  const waiting = (progress?.stages ?? []).filter((line) => line.state === 'waiting').map(({ stage }) => stage);
  return [
    `${runName}: ${state}${where}`,
    ...(progress !== null ? stageLines(progress, left?.stages) : notes.length > 0 ? [] : nobody),
    ...(waiting.length === 0 ? [] : [`waiting: ${waiting.join(', ')}`]),
    ...(seconds === null ? [] : [`the run: about ${leftText(1000 * seconds).trim()}`]),
    ...(reason === null ? [] : [`reason: ${reason}`]),
    ...notes,
    ...(state === 'stopped' || state === 'failed' ? [`tive ${kind} RECIPE goes on with what is done`] : []),
    ...((result?.report ?? null) === null ? [] : [`report: ${hint('report', runName)}`]),
  ];
}

function asJson({ runName, state, address, progress, left, reason, notes }: LookedAtRun): string {
  const { working = new Map(), ...rest } = progress ?? {};
  const facts = { runName, status: state, address, reason, notes, secondsLeft: left?.seconds ?? null };
  return JSON.stringify({ ...facts, ...rest, working: Object.fromEntries(working) }, null, 2);
}

/** `tive cancel`: stops a run at its next checkpoint. */
export function cancelCommand() {
  return liveCommand('cancel').description('stop a run at its next checkpoint; what it has done is kept');
}

/** `tive pause`: holds a run at its checkpoints. */
export function pauseCommand() {
  return liveCommand('pause').description(
    'hold a run: what is in work stops at its next checkpoint, nothing new begins',
  );
}

/** `tive resume`: lets a paused run go on. */
export function resumeCommand() {
  return liveCommand('resume').description('let a paused run go on; a run that was stopped goes on with tive run');
}

/** `tive approve`: lets a run go on with its quotas. */
export function approveCommand() {
  return liveCommand('approve').description('approve of the quotas of a run with allocation.approval: required');
}

/** Does something to a run that is at work, and prints what comes of it. */
function liveCommand(act: LiveAct) {
  return withRunOptions(new Command(act)).action(async (run, options) => {
    const { actOnRun } = await import('../runs/live-run.ts');
    process.stdout.write(`${await actOnRun(act, await namedRun(run, options.runs), options)}\n`);
  });
}

function withRunOptions(command: Command) {
  return command
    .argument('<run>', 'name of the run, or its folder')
    .option('--runs <folder>', 'folder of the runs', './runs')
    .option('--address <host:port>', 'Temporal server of a cluster')
    .option('--namespace <name>', 'Temporal namespace of the cluster');
}
