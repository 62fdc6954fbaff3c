import { expect, test } from 'vitest';
import { endStalled } from '../../../client/terminal/stalled.ts';

test('a command with nothing left to wait for says so and fails', () => {
  const said: unknown[] = [];
  endStalled(['data', 'inspect', 'a.tar'], {
    stderr: { write: (text) => said.push(text) },
    exit: (code) => said.push(code),
  });
  expect(said).toEqual([
    'tive data inspect: must end with a result, got nothing left to wait for; this is a defect of tive, please report it\n',
    1,
  ]);
});
