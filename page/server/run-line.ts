// A run as a line of the list, from what was seen of it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { seenBenchmark } from '../../client/runs/benchmark-folder.ts';
import type { NamedRun } from '../../client/runs/find-run.ts';
import type { ListedRun } from '../../client/runs/list-runs.ts';
import type { LookedAtRun } from '../../client/runs/look-at-run.ts';
import { datasetName } from '../../client/runs/recipe-mark.ts';
import { fractionOf } from '../../client/terminal/progress-display.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { RunResult, StageProgress } from '../../contracts/messages/run.ts';
import type { RunLine } from '../api.ts';
import { wholeSeconds } from './run-progress.ts';

/** What is known of a run beside its line in a list. */
export interface SeenRun {
  named: NamedRun;
  /** Null where it was not looked at, or is not at work. */
  found: LookedAtRun | null;
  stages: readonly StageProgress[];
  result: RunResult | null;
}

export async function lineOf(listed: ListedRun, { named, found, stages, result }: SeenRun): Promise<RunLine> {
  const { runName, place, rowCount, selectedCount, method, changedAt } = listed;
  const benchmark = await seenBenchmark(named.folder);
  const gate = found?.progress?.gate;
  const isHeld = gate?.isPaused === true || gate?.awaitsApproval === true;
  const working = stages.find(({ state }) => state === 'running');
  const wanted = stages.filter(({ state }) => state !== 'skipped');
  const done = wanted.filter(({ state }) => state === 'done' || state === 'cached');
  const status = found?.progress ?? null;
  const fraction = working === undefined || status === null ? null : fractionOf(working, status);
  const facts = await factsOf(named, result ?? found?.found ?? null);
  const verdict = result?.report?.verdict ?? benchmark?.verdict ?? null;
  return {
    runName,
    place,
    kind: benchmark === null ? (found?.kind ?? 'run') : 'benchmark',
    state: listed.state === 'running' && isHeld ? 'waiting' : listed.state,
    // Other methods may go on meanwhile.
    stage: gate?.awaitsApproval === true ? 'allocation' : (working?.stage ?? done.at(-1)?.stage ?? listed.stage),
    share: wanted.length === 0 ? null : (done.length + (fraction ?? 0)) / wanted.length,
    secondsLeft: wholeSeconds(found?.left?.seconds),
    verdict: verdict?.[0] ?? null,
    dataset: facts.dataset ?? listed.dataset,
    method: method ?? facts.method,
    rowCount: rowCount ?? found?.found?.rows?.rowCount ?? null,
    selectedCount,
    changedAt,
  };
}

/** Of the recipe: the file of its rows, and its method. */
async function factsOf(
  { folder }: NamedRun,
  known: Pick<RunResult, 'config'> | null,
): Promise<Pick<RunLine, 'dataset' | 'method'>> {
  if (known !== null) return { dataset: datasetName(known.config.dataset.path), method: known.config.selection.method };
  const text = await textOf(join(folder.path, 'recipe.resolved.yaml'));
  const keys: unknown = text === null ? null : parse(text);
  if (!isJsonObject(keys)) return { dataset: null, method: null };
  const { dataset, selection } = keys;
  const path = isJsonObject(dataset) ? [dataset['path']].flat() : [];
  const method = isJsonObject(selection) ? selection['method'] : null;
  return {
    dataset: path.length === 0 ? null : datasetName(path.map(String)),
    method: typeof method === 'string' ? method : null,
  };
}

/** A run of which no list says anything. */
export function emptyLine(runName: string): ListedRun {
  const changedAt = new Date(0).toISOString();
  const nothing = { stage: null, rowCount: null, selectedCount: null, dataset: null, method: null };
  return { runName, place: 'folder', state: 'stopped', ...nothing, changedAt };
}

/** The state of a look, as lists have it. */
export function stateOf({ state }: LookedAtRun): ListedRun['state'] {
  const words = {
    running: 'running',
    completed: 'done',
    lost: 'away',
    canceled: 'stopped',
    stopped: 'stopped',
    failed: 'failed',
    terminated: 'failed',
    timed_out: 'failed',
  } as const;
  return words[state];
}

/** A small file's text; null where there is none. */
export async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}
