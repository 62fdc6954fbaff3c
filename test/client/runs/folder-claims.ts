// What holds of the folder of a whole run named `small`, whatever it has found.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

/** The files of a whole run are there, and nothing half-written. */
export function expectFilesOfRun(folder: string): void {
  const names = readdirSync(join(folder, 'runs/small'));
  expect(names).toEqual(
    expect.arrayContaining([
      'log.jsonl',
      'manifest.json',
      'metrics.jsonl',
      'quarantine.jsonl',
      'recipe.resolved.yaml',
      'recipe.yaml',
      'report.html',
      'result.json',
      'tasks.csv',
    ]),
  );
  expect(names).not.toContain('server.json');
  const stored = readdirSync(join(folder, 'tive-store'), { recursive: true }).map(String);
  expect(stored.filter((name) => name.endsWith('.partial') || name.endsWith('.part'))).toEqual([]);
}

/** Run folders, database, log and report, and a store that was made here, are their owner's alone. */
export function expectPrivate(folder: string): void {
  const modeOf = (name: string): number => statSync(join(folder, name)).mode & 0o777;
  for (const name of ['runs', 'runs/small', 'tive-store']) expect(modeOf(name), name).toBe(0o700);
  for (const name of ['log.jsonl', 'report.html', 'result.json', 'temporal.db'])
    expect(modeOf(`runs/small/${name}`), name).toBe(0o600);
}

/** The log of an embedded run has lines of the activities of all stages. */
export function expectActivityLines(folder: string): void {
  const log = readFileSync(join(folder, 'runs/small/log.jsonl'), 'utf8').trim().split('\n');
  const lines = log.map((line) => JSON.parse(line) as { msg: string; stage?: string; run?: string });
  for (const msg of ['activity started', 'activity finished']) {
    const stages = lines.filter((line) => line.msg === msg && line.run === 'small').map(({ stage }) => stage);
    expect(new Set(stages).size).toBe(9);
  }
}
