import { Command } from '@commander-js/extra-typings';
import { namedRun } from '../find-run.ts';
import { stageLines } from '../progress-display.ts';
import { findRun } from '../runs.ts';
import type { RunHandle } from '../runs.ts';
import { openRuntime } from '../runtime.ts';

/** `tive status`: where a run stands, or what it has found. */
export function statusCommand() {
  return withRunOptions(new Command('status'))
    .description('where a run stands')
    .action(async (run, options) => {
      const { folder, address } = await namedRun(run, options.runs);
      const server = options.address ?? address;
      if (server === null) {
        const { stages } = await folder.result();
        process.stdout.write(`${stageLines({ stages, retryCount: 0, working: new Map() }).join('\n')}\n`);
        return;
      }
      await withRun(run, options, server, async (handle) => {
        const { status } = await handle.workflow.describe();
        const progress = await handle.progress();
        const lines = progress === null ? ['no control worker answers'] : stageLines(progress);
        process.stdout.write(`${[`${handle.runName}: ${status.name.toLowerCase()}`, ...lines].join('\n')}\n`);
      });
    });
}

/** `tive cancel`: stops a run at its next checkpoint. */
export function cancelCommand() {
  return withRunOptions(new Command('cancel'))
    .description('stop a run at its next checkpoint; what it has done is kept')
    .action(async (run, options) => {
      const { address } = await namedRun(run, options.runs);
      const server = options.address ?? address;
      if (server === null)
        throw new RangeError(`cancel: run must be running, got no server for "${run}"; name it with --address`);
      await withRun(run, options, server, async (handle) => {
        await handle.workflow.cancel();
        process.stdout.write(`${handle.runName} stops at its next checkpoint\n`);
      });
    });
}

function withRunOptions(command: Command) {
  return command
    .argument('<run>', 'name of the run, or its folder')
    .option('--runs <folder>', 'folder of the runs', './runs')
    .option('--address <host:port>', 'Temporal server of a cluster')
    .option('--namespace <name>', 'Temporal namespace of the cluster');
}

async function withRun(
  run: string,
  options: { runs: string; namespace?: string | undefined },
  address: string,
  work: (handle: RunHandle) => Promise<void>,
): Promise<void> {
  const { runName } = await namedRun(run, options.runs);
  const runtime = await openRuntime({
    address,
    namespace: options.namespace ?? null,
    databasePath: '',
    log: () => undefined,
    say: () => undefined,
  });
  try {
    await work(await findRun(runtime.client, runName));
  } finally {
    await runtime.close();
  }
}
