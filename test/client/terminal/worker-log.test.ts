import { describe, expect, test } from 'vitest';
import { openWorkerLog } from '../../../client/terminal/worker-log.ts';
import type { LogFormat } from '../../../client/terminal/log-formats.ts';
import type { LogSink } from '../../../workers/install-runtime.ts';
import { plainAttributes } from '../../../workers/install-runtime.ts';

type Line = Parameters<LogSink>[0];

const LINE: Line = {
  level: 'warn',
  message: 'Activity failed',
  attributes: { run: 'small', stage: 'gradients', shard: 3, attempt: 2, process: 0, workflowId: 'tive/small' },
};

function written(format: LogFormat, ...lines: Line[]): string {
  let text = '';
  const log = openWorkerLog(format, (more) => (text += more));
  for (const line of lines) log(line);
  return text;
}

describe('as JSON', () => {
  test('a line is one object with time, level, message and all attributes', () => {
    const text = written('json', LINE);
    expect(text.endsWith('}\n')).toBe(true);
    const { time, ...rest } = JSON.parse(text) as Record<string, unknown>;
    expect(rest).toEqual({ level: 'warn', message: 'Activity failed', ...LINE.attributes });
    expect(new Date(time as string).toISOString()).toBe(time);
  });

  test('what the command says to a person is one line as well', () => {
    const text = written('json', { level: 'info', message: '\nstopping', attributes: {} });
    expect(JSON.parse(text)).toMatchObject({ level: 'info', message: 'stopping' });
  });
});

describe('as text', () => {
  test('a line says level, message, run, stage, shard and attempt', () => {
    expect(written('text', LINE)).toBe('warn: Activity failed run=small stage=gradients shard=3 attempt=2 process=0\n');
  });

  test('what is no trouble has no level, and an error has its stack', () => {
    const serving: Line = { level: 'info', message: 'serving all', attributes: {} };
    const failed: Line = { level: 'error', message: 'failed', attributes: { error: 'Error: disk full\n    at x' } };
    expect(written('text', serving, failed)).toBe('serving all\nerror: failed\nError: disk full\n    at x\n');
  });
});

test.each(['json', 'text'] as const)('debug lines are left out of %s', (format) => {
  expect(written(format, { ...LINE, level: 'debug' }, { ...LINE, level: 'trace' })).toBe('');
});

test('attributes survive the way between processes: an error as its stack, a bigint as text', () => {
  const error = new Error('disk full');
  const attributes = plainAttributes({ error, at: 12n, shard: 3 });
  expect(JSON.parse(JSON.stringify(attributes))).toEqual({ error: error.stack, at: '12', shard: 3 });
});
