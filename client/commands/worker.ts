import { availableParallelism, freemem } from 'node:os';
import { Argument, Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { prepareEngine } from '../../setup/engine.ts';
import { planComputeSlots } from '../../workers/compute-environment.ts';
import type { ServerAddress } from '../../workers/connection.ts';
import { startControlWorker } from '../../workers/control-worker.ts';
import { installRuntime } from '../../workers/runtime.ts';
import type { LogSink } from '../../workers/runtime.ts';
import { Supervisor } from '../../workers/supervisor.ts';
import { interruptible } from '../interrupt.ts';
import { useEngine } from '../runtime.ts';

/** `tive worker`: serves a cluster until it is told to stop. */
export function workerCommand() {
  return new Command('worker')
    .description('serve a Temporal cluster: control = workflows and light work, compute = one process a GPU or core')
    .addArgument(new Argument('<kind>').choices(['control', 'compute', 'all'] as const))
    .option('--address <host:port>', 'Temporal server; without it as Temporal’s own configuration says')
    .option('--namespace <name>', 'Temporal namespace')
    .option('--processes <count>', 'compute processes', (text) => {
      const value = Number(text);
      if (Number.isInteger(value) && value > 0) return value;
      throw new InvalidArgumentError(`must be a whole number above 0, got "${text}"`);
    })
    .action(async (kind, options) => {
      const server: ServerAddress = { address: options.address ?? null, namespace: options.namespace ?? null };
      const say = (text: string): void => void process.stderr.write(`${text}\n`);
      const log: LogSink = ({ level, message }) => {
        if (level !== 'debug') say(`${level}: ${message}`);
      };
      const interrupt = interruptible(say);
      installRuntime(log);
      const control = kind === 'compute' ? null : await startControlWorker(server);
      const supervisor = kind === 'control' ? null : await startSupervisor(server, options.processes ?? null, log, say);
      interrupt.atOnce = () => supervisor?.kill();
      say(
        `serving ${kind}: ${supervisor === null ? '' : `${supervisor.processIds.length} compute processes, `}Ctrl-C to stop`,
      );
      const stopped = new Promise<void>((resolve) => interrupt.signal.addEventListener('abort', () => resolve()));
      // A control worker that ends by itself has failed: its error ends the command.
      await Promise.race([stopped, ...(control === null ? [] : [control.finished])]);
      await Promise.all([supervisor?.stop(), control?.stop()]);
      interrupt.release();
    });
}

async function startSupervisor(
  server: ServerAddress,
  processCount: number | null,
  log: LogSink,
  say: (text: string) => void,
): Promise<Supervisor> {
  const engine = await prepareEngine(say);
  useEngine(engine, say);
  const host = { coreCount: availableParallelism(), memoryBytes: freemem(), gpuCount: engine.gpuCount };
  const supervisor = new Supervisor(server, planComputeSlots(host, processCount), log);
  supervisor.start();
  return supervisor;
}
