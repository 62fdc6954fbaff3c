// How this command was started, so that hints can be typed where the user is.
import { delimiter, dirname, isAbsolute, relative, resolve } from 'node:path';
import { commandLine } from './terminal-text.ts';

/** What is known of how the process was started. */
export interface ProcessStart {
  /** Path of the script, as Node was given it. */
  script: string;
  workingFolder: string;
  environment: Readonly<Record<string, string | undefined>>;
}

/**
 * The words that start this command again: `npx tive` where npm runs it, `tive` where it is found on the path, else its
 * file. In a program of another name it is called as people know it.
 */
export function ownCommand({ script, workingFolder, environment }: ProcessStart): string[] {
  if (!/[/\\]tive(\.mjs)?$/.test(script)) return ['tive'];
  const { npm_command: npmCommand, npm_lifecycle_event: npmScript, PATH = '' } = environment;
  const folder = dirname(script);
  // npm puts the folders of packages' commands on the path of what it runs alone.
  const isNpm = npmCommand !== undefined || npmScript !== undefined;
  if (isNpm || /[/\\]node_modules[/\\]\.bin$/.test(folder)) return ['npx', 'tive'];
  if (script.endsWith('.mjs')) return ['node', shorter(script)];
  return PATH.split(delimiter).includes(folder) ? ['tive'] : [shorter(script)];

  function shorter(path: string): string {
    const near = relative(workingFolder, path);
    return isAbsolute(near) || near.startsWith('..') ? resolve(path) : near;
  }
}

/** A command of this program as it can be typed where the user is. */
export function hint(...words: readonly string[]): string {
  const start = { script: process.argv[1] ?? 'tive', workingFolder: process.cwd(), environment: process.env };
  return commandLine([...ownCommand(start), ...words]);
}
