// What was measured: a line for each training, in files that are kept with the project and grow with every measurement.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { METHOD_NAMES } from '../../contracts/methods.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import { SETTINGS, settingName } from './settings.ts';
import type { Setting } from './settings.ts';

/** Macro accuracy of the model tuned on what a method chose with a seed. */
export interface Score extends Setting {
  seed: number;
  method: SelectionMethod;
  accuracy: number;
}

const HEADER = 'dataset,base,condition,seed,method,accuracy';

/**
 * Scores of a file; none where it is not there.
 * @throws TypeError for a line that is none
 */
export function readScores(path: string): Score[] {
  if (!existsSync(path)) return [];
  const [header, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n');
  if (header !== HEADER) throw new TypeError(`${path}: first line must be ${HEADER}, got ${header ?? 'nothing'}`);
  return lines.map((line) => scoreOf(path, line));
}

function scoreOf(path: string, line: string): Score {
  const [dataset, base, condition, seed, name, accuracy] = line.split(',');
  const setting = SETTINGS.find((one) => settingName(one) === `${dataset}/${base}/${condition}`);
  const method = METHOD_NAMES.find((one) => one === name);
  if (setting === undefined || method === undefined || !(Number(accuracy) >= 0))
    throw new TypeError(`${path}: lines must be ${HEADER}, got "${line}"`);
  return { ...setting, seed: Number(seed), method, accuracy: Number(accuracy) };
}

/** Writes scores in the order of settings, seeds and methods; one that comes twice counts as it comes last. */
export function writeScores(path: string, scores: readonly Score[]): void {
  const lines = new Map<string, { key: readonly number[]; line: string }>();
  for (const { seed, method, accuracy, ...setting } of scores) {
    const name = settingName(setting);
    const place = SETTINGS.findIndex((one) => settingName(one) === name);
    const text = [...name.split('/'), seed, method].join(',');
    lines.set(text, { key: [place, seed, METHOD_NAMES.indexOf(method)], line: `${text},${accuracy}` });
  }
  const sorted = [...lines.values()].sort((left, right) => {
    const index = left.key.findIndex((value, at) => value !== right.key[at]);
    return index < 0 ? 0 : left.key[index]! - right.key[index]!;
  });
  writeFileSync(`${path}.partial`, `${[HEADER, ...sorted.map(({ line }) => line)].join('\n')}\n`);
  renameSync(`${path}.partial`, path);
}

/** Scores of one setting. */
export function scoresOf(scores: readonly Score[], setting: Setting): Score[] {
  return scores.filter((score) => settingName(score) === settingName(setting));
}

/** A run of seeds that lack the same methods. */
export interface Batch {
  firstSeed: number;
  seedCount: number;
  methods: SelectionMethod[];
}

/** What is still to be measured of a setting, seeds from 0 on. */
export function missingBatches(own: readonly Score[], seedCount: number, methods: readonly SelectionMethod[]): Batch[] {
  const known = new Set(own.map(({ seed, method }) => `${seed} ${method}`));
  const batches: Batch[] = [];
  for (let seed = 0; seed < seedCount; seed += 1) {
    const missing = methods.filter((method) => !known.has(`${seed} ${method}`));
    if (missing.length === 0) continue;
    const last = batches.at(-1);
    const goesOn = last !== undefined && last.firstSeed + last.seedCount === seed;
    if (goesOn && last.methods.join() === missing.join()) last.seedCount += 1;
    else batches.push({ firstSeed: seed, seedCount: 1, methods: missing });
  }
  return batches;
}
