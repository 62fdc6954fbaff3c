// The log file of a run.
import pino from 'pino';
import type { LogSink } from '../../workers/install-runtime.ts';

/** Structured log of a run: one JSON object a line, appended. */
export function openRunLog(path: string, context: Record<string, unknown>): LogSink {
  const logger = pino(
    { base: context, level: 'debug', timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: path, mkdir: true, sync: true, mode: 0o600 }),
  );
  return ({ level, message, attributes }) => {
    const known = level === 'error' || level === 'warn' || level === 'info' ? level : 'debug';
    logger[known](attributes, message);
  };
}
