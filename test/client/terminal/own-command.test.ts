import { describe, expect, test } from 'vitest';
import { ownCommand } from '../../../client/terminal/own-command.ts';
import type { ProcessStart } from '../../../client/terminal/own-command.ts';

describe('the words that start the command again', () => {
  const started = (script: string, environment: ProcessStart['environment'] = {}, workingFolder = '/project'): string =>
    ownCommand({ script, workingFolder, environment }).join(' ');

  test.each<[string, string, ProcessStart['environment'], string]>([
    ['by npx', '/project/node_modules/.bin/tive', { npm_command: 'exec' }, 'npx tive'],
    ['by npm start', '/project/setup/tive.mjs', { npm_command: 'run', npm_lifecycle_event: 'start' }, 'npx tive'],
    ['of an installed package', '/project/node_modules/.bin/tive', {}, 'npx tive'],
    ['installed for all folders', '/usr/local/bin/tive', { PATH: '/usr/bin:/usr/local/bin' }, 'tive'],
    ['by a link that is not on the path', '/opt/tive/bin/tive', { PATH: '/usr/bin' }, '/opt/tive/bin/tive'],
    ['by Node, in the checkout', '/project/setup/tive.mjs', {}, 'node setup/tive.mjs'],
    ['by Node, elsewhere', '/src/tive/setup/tive.mjs', {}, 'node /src/tive/setup/tive.mjs'],
    ['by a program of one’s own', '/project/program.ts', { npm_command: 'exec' }, 'tive'],
  ])('started %s', (_, script, environment, words) => {
    expect(started(script, environment)).toBe(words);
  });
});
