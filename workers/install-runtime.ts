// Temporal's runtime in this process: its log and its metrics.
import { DefaultLogger, Runtime, makeTelemetryFilterString } from '@temporalio/worker';
import type { LogEntry, LogLevel } from '@temporalio/worker';
import { InvalidConfigError } from '../contracts/failures.ts';
import type { MetricsAddress } from './metrics-address.ts';

/** One line of the log. */
export type LogSink = (line: { level: string; message: string; attributes: Record<string, unknown> }) => void;

/** How a process tells what it does. */
export interface RuntimeSettings {
  /** Least level of Temporal's and the activities' log. */
  level: LogLevel;
  /** Where metrics are served, or null for nowhere. */
  metrics: MetricsAddress | null;
}

/** A runtime of one's own, embedded in a command, tells of each activity. */
export const EMBEDDED: RuntimeSettings = { level: 'INFO', metrics: null };

let installed = false;

/**
 * Sets up Temporal's native core once a process, before any worker or connection: its log goes to `sink`.
 * @throws InvalidConfigError where the metrics address cannot be had
 */
export function installRuntime(sink: LogSink, { level, metrics }: RuntimeSettings = EMBEDDED): void {
  if (installed) return;
  installed = true;
  const bindAddress = metrics === null ? null : `${metrics.host}:${metrics.port}`;
  try {
    Runtime.install({
      logger: new DefaultLogger(level, (entry: LogEntry) => {
        sink({ level: entry.level.toLowerCase(), message: entry.message, attributes: plainAttributes(entry.meta) });
      }),
      telemetryOptions: {
        logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) },
        ...(bindAddress === null ? {} : { metrics: { prometheus: { bindAddress } } }),
      },
      // Each command decides itself what its first and second interrupt mean.
      shutdownSignals: [],
    });
  } catch (error) {
    if (bindAddress === null) throw error;
    throw new InvalidConfigError(
      `--metrics: address must be free and of this machine, got ${bindAddress}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/** Attributes that survive JSON: an error as its stack, a bigint as text. */
export function plainAttributes(attributes: Record<string | symbol, unknown> = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => {
      if (value instanceof Error) return [name, value.stack ?? value.message];
      return [name, typeof value === 'bigint' ? String(value) : value];
    }),
  );
}
