// `tive worker`: serves a cluster.
import { Argument, Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { planComputeSlots, thisHost } from '../../workers/compute-environment.ts';
import type { WorkerAddress } from '../../workers/connection.ts';
import { deploymentVersion } from '../../workers/deployment.ts';
import { parseMetricsAddress } from '../../workers/metrics-address.ts';
import type { MetricsAddress } from '../../workers/metrics-address.ts';
import type { LogSink, RuntimeSettings } from '../../workers/install-runtime.ts';
import type { Supervisor } from '../../workers/supervisor.ts';
import { interruptible } from '../terminal/interrupt.ts';
import { LOG_FORMATS } from '../terminal/log-formats.ts';

/** `tive worker`: serves a cluster until it is told to stop. */
export function workerCommand() {
  return new Command('worker')
    .description('serve a Temporal cluster: control = workflows and light work, compute = one process a GPU or core')
    .addArgument(new Argument('<kind>').choices(['control', 'compute', 'all'] as const))
    .option('--address <host:port>', 'Temporal server; without it as Temporal’s own configuration says')
    .option('--namespace <name>', 'Temporal namespace')
    .option('--processes <count>', 'compute processes', parseCount)
    .addOption(
      new Option('--deployment <name>', 'versions of these workers; runs stay on the one that began them').env(
        'TIVE_DEPLOYMENT',
      ),
    )
    .addOption(new Option('--build-id <id>', 'this version of the deployment').env('TIVE_BUILD_ID'))
    .option(
      '--metrics <ip:port>',
      'serve Prometheus metrics there; compute processes at the ports after it',
      parseMetrics,
    )
    .addOption(new Option('--log-format <format>', 'default: text on a terminal, else json').choices(LOG_FORMATS))
    .action(async (kind, options) => {
      const server: WorkerAddress = {
        address: options.address ?? null,
        namespace: options.namespace ?? null,
        deployment: deploymentVersion(options.deployment, options.buildId),
      };
      const settings: RuntimeSettings = { level: 'INFO', metrics: options.metrics ?? null };
      const { openWorkerLog } = await import('../terminal/worker-log.ts');
      const { installRuntime } = await import('../../workers/install-runtime.ts');
      const { startControlWorker } = await import('../../workers/control-worker.ts');
      const format = options.logFormat ?? (process.stderr.isTTY ? 'text' : 'json');
      const log = openWorkerLog(format, (text) => void process.stderr.write(text));
      const say = (message: string): void => log({ level: 'info', message, attributes: {} });
      const interrupt = interruptible(say);
      installRuntime(log, settings);
      const control = kind === 'compute' ? null : await startControlWorker(server);
      const supervisor =
        kind === 'control' ? null : await startSupervisor(server, options.processes ?? null, log, settings);
      interrupt.atOnce = () => supervisor?.kill();
      say(
        `serving ${kind}: ${supervisor === null ? '' : `${supervisor.processIds.length} compute processes, `}Ctrl-C to stop`,
      );
      const stopped = new Promise<void>((resolve) => {
        if (interrupt.signal.aborted) resolve();
        interrupt.signal.addEventListener('abort', () => resolve());
      });
      // A control worker that ends by itself has failed: its error ends the command.
      await Promise.race([stopped, ...(control === null ? [] : [control.finished])]);
      await Promise.all([supervisor?.stop(), control?.stop()]);
      interrupt.release();
    });
}

function parseCount(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`must be a whole number above 0, got "${text}"`);
}

function parseMetrics(text: string): MetricsAddress {
  const address = parseMetricsAddress(text);
  if (address !== null) return address;
  throw new InvalidArgumentError(`must be IP:PORT, got "${text}"; 0.0.0.0:9464 serves on all interfaces`);
}

async function startSupervisor(
  server: WorkerAddress,
  processCount: number | null,
  log: LogSink,
  settings: RuntimeSettings,
): Promise<Supervisor> {
  const say = (message: string): void => log({ level: 'info', message, attributes: {} });
  const { prepareEngine } = await import('../../setup/prepare-engine.ts');
  const { useEngine } = await import('../cluster/runtime.ts');
  const { Supervisor } = await import('../../workers/supervisor.ts');
  const engine = await prepareEngine(say);
  useEngine(engine, say);
  const supervisor = new Supervisor(server, planComputeSlots(thisHost(engine.gpuCount), processCount), log, settings);
  supervisor.start();
  return supervisor;
}
