import { Command } from '@commander-js/extra-typings';
import { namedRun } from '../find-run.ts';
import type { NamedRun } from '../find-run.ts';
import { stageLines } from '../progress-display.ts';
import { findRun } from '../runs.ts';
import { joinEmbedded, openRuntime } from '../runtime.ts';
import type { Runtime } from '../runtime.ts';

/** `tive status`: where a run stands, or what it has found. */
export function statusCommand() {
  return withRunOptions(new Command('status'))
    .description('where a run stands')
    .action(async (run, options) => {
      const named = await namedRun(run, options.runs);
      const runtime = await openServer(named, options);
      if (runtime === null) {
        const { stages } = await named.folder.result();
        process.stdout.write(`${stageLines({ stages, retryCount: 0, working: new Map() }).join('\n')}\n`);
        return;
      }
      const handle = await findRun(runtime.client, named.runName);
      const { status } = await handle.workflow.describe();
      const progress = await handle.progress();
      const lines = progress === null ? ['no control worker answers'] : stageLines(progress);
      process.stdout.write(`${[`${handle.runName}: ${status.name.toLowerCase()}`, ...lines].join('\n')}\n`);
      await runtime.close();
    });
}

/** `tive cancel`: stops a run at its next checkpoint. */
export function cancelCommand() {
  return withRunOptions(new Command('cancel'))
    .description('stop a run at its next checkpoint; what it has done is kept')
    .action(async (run, options) => {
      const named = await namedRun(run, options.runs);
      const runtime = await openServer(named, options);
      if (runtime === null)
        throw new RangeError(`cancel: run must be running, got no server for "${run}"; name it with --address`);
      const handle = await findRun(runtime.client, named.runName);
      await handle.workflow.cancel();
      process.stdout.write(`${handle.runName} stops at its next checkpoint\n`);
      await runtime.close();
    });
}

function withRunOptions(command: Command) {
  return command
    .argument('<run>', 'name of the run, or its folder')
    .option('--runs <folder>', 'folder of the runs', './runs')
    .option('--address <host:port>', 'Temporal server of a cluster')
    .option('--namespace <name>', 'Temporal namespace of the cluster');
}

/** Where the run's workflow is: the named cluster, or the embedded server of the command that runs it now. */
async function openServer(
  { address: live }: NamedRun,
  { address, namespace }: { address?: string | undefined; namespace?: string | undefined },
): Promise<Runtime | null> {
  if (address !== undefined) {
    const quiet = { databasePath: '', log: () => undefined, say: () => undefined };
    return openRuntime({ address, namespace: namespace ?? null, ...quiet });
  }
  return live === null ? null : joinEmbedded(live);
}
