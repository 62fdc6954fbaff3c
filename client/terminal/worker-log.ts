// The log of a worker.
import pino from 'pino';
import type { LogSink } from '../../workers/install-runtime.ts';
import type { LogFormat } from './log-formats.ts';

/** Attributes that a person needs; JSON has all. */
const SHOWN = ['run', 'stage', 'shard', 'attempt', 'process', 'cached', 'durationMs'] as const;

/** The log of a worker: JSON objects or plain text, one a line. Debug lines are left out. */
export function openWorkerLog(format: LogFormat, write: (text: string) => void): LogSink {
  const sink = format === 'json' ? jsonSink(write) : textSink(write);
  return (line) => {
    if (line.level !== 'debug' && line.level !== 'trace') sink(line);
  };
}

function jsonSink(write: (text: string) => void): LogSink {
  const logger = pino(
    {
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    { write },
  );
  return ({ level, message, attributes }) => {
    const known = level === 'error' || level === 'warn' ? level : 'info';
    logger[known](attributes, message.trim());
  };
}

function textSink(write: (text: string) => void): LogSink {
  return ({ level, message, attributes }) => {
    const facts = SHOWN.flatMap((name) => (attributes[name] === undefined ? [] : [`${name}=${attributes[name]}`]));
    const error = level === 'error' && attributes['error'] !== undefined ? `${attributes['error']}\n` : '';
    const label = level === 'info' ? '' : `${level}: `;
    write(`${[`${label}${message}`, ...facts].join(' ')}\n${error}`);
  };
}
