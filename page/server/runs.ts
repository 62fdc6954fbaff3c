// The runs of the page's folder: what each is, and where it stands.
import { readFile, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { seenBenchmark } from '../../client/runs/benchmark-folder.ts';
import { namedRun } from '../../client/runs/find-run.ts';
import type { NamedRun } from '../../client/runs/find-run.ts';
import { listRun } from '../../client/runs/list-runs.ts';
import type { ListedRun } from '../../client/runs/list-runs.ts';
import { lookAtRun } from '../../client/runs/look-at-run.ts';
import type { LookedAtRun } from '../../client/runs/look-at-run.ts';
import type { RunCurve, Trained } from '../../client/runs/run-curves.ts';
import { workflowIdOf } from '../../client/runs/runs.ts';
import { fractionOf } from '../../client/terminal/progress-display.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { RunResult, StageProgress } from '../../contracts/messages/run.ts';
import type { RunLine, RunView } from '../api.ts';
import { RefusedError } from './problems.ts';
import { curvesOf, stagesAtWork, wholeSeconds } from './run-progress.ts';

/** How long a run on a cluster is taken to be as it was: asking takes a connection. */
const CLUSTER_MS = 10_000;

/** How long one look at a run serves all who ask: each is a connection and several questions. */
const LOOK_MS = 900;

const NAME = /^[a-z0-9-]{1,64}$/;

/** Files whose change says that a run is another one. */
const TELLING_FILES = [
  'result.json',
  'progress.json',
  'recipe.resolved.yaml',
  'server.json',
  'cluster.json',
  'benchmark-progress.json',
];

interface Kept<Value> {
  key: string;
  value: Value;
}

/** Reads runs below one folder. What has not changed is not read again. */
export class Runs {
  readonly folder: string;
  readonly #lookAt: (named: NamedRun) => Promise<LookedAtRun>;
  readonly #lines = new Map<string, Kept<RunLine | null> & { untilMs: number }>();
  readonly #results = new Map<string, Kept<Promise<RunResult>>>();
  readonly #curves = new Map<string, Kept<Promise<RunCurve[]>>>();
  readonly #looks = new Map<string, Kept<Promise<LookedAtRun>> & { untilMs: number }>();

  /** @param lookAt looks at a run that may be at work */
  constructor(folder: string, lookAt: (named: NamedRun) => Promise<LookedAtRun> = lookAtRun) {
    this.folder = folder;
    this.#lookAt = lookAt;
  }

  /** A run by its name, which is never a path. @throws RefusedError where there is none */
  async named(name: string): Promise<NamedRun> {
    if (!NAME.test(name))
      throw new RefusedError(404, `run: name must be 1 to 64 of a-z, 0-9, -, got ${JSON.stringify(name.slice(0, 80))}`);
    const named = await namedRun(name, this.folder);
    if ((await keyOf(named.folder.path)) === '')
      throw new RefusedError(404, `run: must be in the page's folder, got no "${name}"`);
    return named;
  }

  /** What a run has found. @throws RefusedError where it has nothing yet */
  async result(name: string): Promise<RunResult> {
    const { folder } = await this.named(name);
    const key = await timeOf(join(folder.path, 'result.json'));
    if (key === '') throw new RefusedError(409, `run: must have a result, got none of "${name}" yet`);
    return kept(this.#results, name, key, () => folder.result());
  }

  /** All runs, the newest first. */
  async lines(): Promise<RunLine[]> {
    const entries = await readdir(this.folder, { withFileTypes: true }).catch(() => []);
    const away = new Set<string>();
    const lines: RunLine[] = [];
    for (const entry of entries) {
      if (!entry.isDirectory() || !NAME.test(entry.name)) continue;
      const line = await this.#line(entry.name, away);
      if (line !== null) lines.push(line);
    }
    return lines.sort((left, right) => right.changedAt.localeCompare(left.changedAt));
  }

  async #line(name: string, away: Set<string>): Promise<RunLine | null> {
    const named = await namedRun(name, this.folder);
    const key = `${await keyOf(named.folder.path)} ${named.address}`;
    const known = this.#lines.get(name);
    if (known?.key === key && Date.now() < known.untilMs) return known.value;
    const result = await this.result(name).catch(() => null);
    const listed = await listRun(named, result, away);
    const value = listed === null ? null : await this.#complete(named, listed, result);
    const isAtWork = value?.state === 'running' || value?.state === 'waiting';
    const isElsewhere = value !== null && (await named.folder.cluster()) !== null;
    const untilMs = isElsewhere ? Date.now() + CLUSTER_MS : isAtWork ? 0 : Infinity;
    this.#lines.set(name, { key, value, untilMs });
    return value;
  }

  async #complete(named: NamedRun, listed: ListedRun, result: RunResult | null): Promise<RunLine> {
    const isAtWork = listed.state === 'running';
    const found = isAtWork ? await this.#look(named).catch(() => null) : null;
    const stages = found?.progress?.stages ?? (await named.folder.progress())?.stages ?? result?.stages ?? [];
    return lineOf(named, listed, found, stages, isAtWork ? null : result);
  }

  async #look(named: NamedRun): Promise<LookedAtRun> {
    const { runName, folder, address } = named;
    const key = `${await keyOf(folder.path)} ${address}`;
    const known = this.#looks.get(runName);
    if (known?.key === key && Date.now() < known.untilMs) return known.value;
    const value = this.#lookAt(named);
    this.#looks.set(runName, { key, value, untilMs: Date.now() + LOOK_MS });
    return value;
  }

  /** Something was done to a run: what was seen of it holds no longer. */
  changed(name: string): void {
    this.#looks.delete(name);
    this.#lines.delete(name);
  }

  /** One run, as it stands now. */
  async view(name: string): Promise<RunView> {
    const named = await this.named(name);
    const found = await this.#look(named).catch((error: unknown) => {
      if (error instanceof RangeError) return null;
      throw error;
    });
    const result = found?.result ?? null;
    const listed = (await listRun(named, result, new Set())) ?? emptyLine(name);
    const state = found === null ? listed.state : stateOf(found);
    const stages = found?.progress?.stages ?? [];
    const line = await lineOf(named, { ...listed, state }, found, stages, result);
    const { path } = named.folder;
    const benchmark = await seenBenchmark(named.folder);
    return {
      ...line,
      stages,
      warnings: [...new Set(result?.warnings ?? [])],
      notes: found?.notes ?? [],
      reason: found?.reason ?? null,
      verdictLines: [...(result?.report?.verdict ?? benchmark?.verdict ?? [])],
      isPaused: found?.progress?.gate.isPaused ?? false,
      awaitedQuotas: found?.awaitedQuotas ?? null,
      atWork: found === null ? [] : stagesAtWork(found),
      curves: found === null ? [] : curvesOf(await this.#curvesOf(name, result ?? found.found, result !== null), found),
      hasReport: line.state !== 'running' && line.state !== 'waiting' && (await reportOf(named)) !== null,
      temporalUrl:
        named.uiUrl === null ? null : `${named.uiUrl}/namespaces/default/workflows/${workflowIdOf(named.runName)}`,
      recipe: (await textOf(join(path, 'recipe.yaml'))) ?? (await textOf(join(path, 'recipe.resolved.yaml'))) ?? '',
    };
  }

  /** Of the trainings that are done. */
  async #curvesOf(name: string, trained: Trained | null, isDone: boolean): Promise<RunCurve[]> {
    if (trained === null) return [];
    const adapters = [trained.warmup, ...trained.methods.map(({ finetune }) => finetune)];
    const hashes = adapters.map((one) => one?.adapter.sha256);
    if (hashes.every((hash) => hash === undefined)) return [];
    const curves = kept(this.#curves, name, hashes.join(), async () => {
      const { readCurves } = await import('../../client/runs/run-curves.ts');
      return readCurves(trained);
    });
    // A run at work is shown without them where its store cannot be read from here.
    return isDone ? curves : curves.catch(() => []);
  }
}

/** Of values that are made once for a key; one that fails is made again. */
function kept<Value>(
  known: Map<string, Kept<Promise<Value>>>,
  name: string,
  key: string,
  make: () => Promise<Value>,
): Promise<Value> {
  const found = known.get(name);
  if (found?.key === key) return found.value;
  const value = make();
  known.set(name, { key, value });
  value.catch(() => known.delete(name));
  return value;
}

/** Place of a run's page, or a benchmark's; null where it has none. */
export async function reportOf({ folder }: NamedRun): Promise<string | null> {
  for (const name of ['report.html', 'benchmark.html']) {
    const path = join(folder.path, name);
    if ((await timeOf(path)) !== '') return path;
  }
  return null;
}

async function lineOf(
  named: NamedRun,
  listed: ListedRun,
  found: LookedAtRun | null,
  stages: readonly StageProgress[],
  result: RunResult | null,
): Promise<RunLine> {
  const { runName, rowCount, selectedCount, method, changedAt } = listed;
  const benchmark = await seenBenchmark(named.folder);
  const gate = found?.progress?.gate;
  const isHeld = gate?.isPaused === true || gate?.awaitsApproval === true;
  const working = stages.find(({ state }) => state === 'running');
  const wanted = stages.filter(({ state }) => state !== 'skipped');
  const done = wanted.filter(({ state }) => state === 'done' || state === 'cached');
  const status = found?.progress ?? null;
  const fraction = working === undefined || status === null ? null : fractionOf(working, status);
  const facts = await factsOf(named, result);
  const verdict = result?.report?.verdict ?? benchmark?.verdict ?? null;
  return {
    runName,
    kind: benchmark === null ? 'run' : 'benchmark',
    state: listed.state === 'running' && isHeld ? 'waiting' : listed.state,
    // Other methods may go on meanwhile.
    stage: gate?.awaitsApproval === true ? 'allocation' : (working?.stage ?? done.at(-1)?.stage ?? listed.stage),
    share: wanted.length === 0 ? null : (done.length + (fraction ?? 0)) / wanted.length,
    secondsLeft: wholeSeconds(found?.left?.seconds),
    verdict: verdict?.[0] ?? null,
    dataset: facts.dataset,
    method: method ?? facts.method,
    rowCount,
    selectedCount,
    changedAt,
  };
}

/** Of the recipe: the file of its rows, and its method. */
async function factsOf({ folder }: NamedRun, result: RunResult | null): Promise<Pick<RunLine, 'dataset' | 'method'>> {
  if (result !== null) return { dataset: nameOf(result.config.dataset.path), method: result.config.selection.method };
  const text = await textOf(join(folder.path, 'recipe.resolved.yaml'));
  const keys: unknown = text === null ? null : parse(text);
  if (!isJsonObject(keys)) return { dataset: null, method: null };
  const { dataset, selection } = keys;
  const path = isJsonObject(dataset) ? [dataset['path']].flat() : [];
  const method = isJsonObject(selection) ? selection['method'] : null;
  return { dataset: nameOf(path.map(String)), method: typeof method === 'string' ? method : null };
}

function nameOf(paths: readonly string[]): string | null {
  const [first] = paths;
  if (first === undefined) return null;
  return paths.length === 1 ? basename(first) : `${basename(first)} and ${paths.length - 1} more`;
}

function emptyLine(runName: string): ListedRun {
  const changedAt = new Date(0).toISOString();
  return { runName, state: 'stopped', stage: null, rowCount: null, selectedCount: null, method: null, changedAt };
}

function stateOf({ state }: LookedAtRun): ListedRun['state'] {
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

/** Times of the files that tell of a run; empty where none is there. */
async function keyOf(path: string): Promise<string> {
  const times = await Promise.all(TELLING_FILES.map((name) => timeOf(join(path, name))));
  return times.every((time) => time === '') ? '' : times.join();
}

async function timeOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found === null ? '' : `${found.mtimeMs}/${found.size}`;
}

async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}
