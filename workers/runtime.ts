import { DefaultLogger, Runtime, makeTelemetryFilterString } from '@temporalio/worker';
import type { LogEntry, LogLevel } from '@temporalio/worker';

/** One line of the log. */
export type LogSink = (line: { level: string; message: string; attributes: Record<string, unknown> }) => void;

let installed = false;

/** Sets up Temporal's native core once a process, before any worker or connection: its log goes to `sink`. */
export function installRuntime(sink: LogSink, level: LogLevel = 'WARN'): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    logger: new DefaultLogger(level, (entry: LogEntry) => {
      sink({ level: entry.level.toLowerCase(), message: entry.message, attributes: { ...entry.meta } });
    }),
    telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }) } },
    // Each command decides itself what its first and second interrupt mean.
    shutdownSignals: [],
  });
}
