// The runs of the page's folder and of other places: what each is, and where it stands.
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { seenBenchmark } from '../../client/runs/benchmark-folder.ts';
import { namedRun } from '../../client/runs/find-run.ts';
import type { NamedRun } from '../../client/runs/find-run.ts';
import { factsOf, listRun } from '../../client/runs/list-runs.ts';
import type { ListedRun } from '../../client/runs/list-runs.ts';
import { lookAtRun } from '../../client/runs/look-at-run.ts';
import type { AskedServer, LookedAtRun } from '../../client/runs/look-at-run.ts';
import type { RunCurve, Trained } from '../../client/runs/run-curves.ts';
import { workflowIdOf } from '../../client/runs/runs.ts';
import { atHome } from '../../client/runs/store-runs.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { fileOf, readManifest } from '../../store/artifacts.ts';
import { openStore } from '../../store/open-store.ts';
import { readVerified } from '../../store/verified.ts';
import type { LogLine, RunLine, RunView } from '../api.ts';
import { ForeignRuns, isOnCluster } from './foreign-runs.ts';
import type { ForeignRun } from './foreign-runs.ts';
import { RefusedError } from './problems.ts';
import { readLog } from './run-log.ts';
import { emptyLine, lineOf, stateOf, textOf } from './run-line.ts';
import { curvesOf, stagesAtWork } from './run-progress.ts';

/** How long a run on a cluster is taken to be as it was: asking takes a connection. */
const CLUSTER_MS = 10_000;

/** How long one look at a run serves all who ask: each is a connection and several questions. */
const LOOK_MS = 1000;

/** How long the line of a run at work elsewhere is taken to be as it was: its state is seen sooner. */
const FOREIGN_MS = 3000;

/** Runs elsewhere that one list looks at anew; the next lists look at the others. */
const MOST_LOOKS = 6;

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

/** Reads runs below one folder, and those of other places. What has not changed is not read again. */
export class Runs {
  readonly folder: string;
  readonly elsewhere: ForeignRuns;
  readonly #lookAt: (named: NamedRun) => Promise<LookedAtRun>;
  readonly #lines = new Map<string, Kept<RunLine | null> & { untilMs: number }>();
  readonly #results = new Map<string, Kept<Promise<RunResult>>>();
  readonly #curves = new Map<string, Kept<Promise<RunCurve[]>>>();
  readonly #looks = new Map<string, Kept<Promise<LookedAtRun>> & { untilMs: number }>();

  /** @param lookAt looks at a run of the folder that may be at work */
  constructor(
    folder: string,
    lookAt: (named: NamedRun) => Promise<LookedAtRun> = lookAtRun,
    elsewhere: ForeignRuns = new ForeignRuns(),
  ) {
    this.folder = folder;
    this.elsewhere = elsewhere;
    this.#lookAt = lookAt;
  }

  /** A run by its name, which is never a path. @throws RefusedError where there is none */
  async named(name: string): Promise<NamedRun> {
    return (await this.#find(name)).named;
  }

  /** Where a deed for the run goes: nothing for one of the folder, which knows its server. */
  async askedOf(name: string): Promise<AskedServer> {
    const { foreign } = await this.#find(name);
    if (foreign === null) return {};
    if (isOnCluster(foreign)) return this.elsewhere.asked();
    throw new RefusedError(409, `run: must be at work, got the result of "${name}" in a store`);
  }

  /** What a command needs beside the run's name to find it. */
  async optionsOf(name: string): Promise<string[]> {
    const { foreign } = await this.#find(name);
    return foreign === null ? [] : this.elsewhere.optionsOf(foreign);
  }

  /** A run, and what another place tells of it where the folder does not know it. */
  async #find(name: string): Promise<{ named: NamedRun; foreign: ForeignRun | null }> {
    if (!NAME.test(name))
      throw new RefusedError(404, `run: name must be 1 to 64 of a-z, 0-9, -, got ${JSON.stringify(name.slice(0, 80))}`);
    const named = await namedRun(name, this.folder);
    if ((await keyOf(named.folder.path)) !== '') return { named, foreign: null };
    const foreign = await this.elsewhere.find(name);
    if (foreign === null)
      throw new RefusedError(404, `run: must be in ${this.elsewhere.words("the page's folder")}, got no "${name}"`);
    return { named, foreign };
  }

  /** What a run has found. @throws RefusedError where it has nothing yet */
  async result(name: string): Promise<RunResult> {
    const { named, foreign } = await this.#find(name);
    const key = await this.resultKey(name);
    if (foreign === null && key === '')
      throw new RefusedError(409, `run: must have a result, got none of "${name}" yet`);
    return kept(this.#results, name, key, async () => {
      if (foreign === null) return named.folder.result();
      const { result, reason, state } = await this.#lookElsewhere(foreign, named);
      if (result === null)
        throw new RefusedError(409, `run: must have a result, got "${name}" ${state}${reason ? `: ${reason}` : ''}`);
      return atHome(result, this.folder);
    });
  }

  /** Changes when a run has another result; empty where it has none. */
  async resultKey(name: string): Promise<string> {
    const { named, foreign } = await this.#find(name);
    if (foreign !== null) return foreign.state === 'done' ? this.elsewhere.keyOf(foreign) : '';
    return timeOf(join(named.folder.path, 'result.json'));
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
    const known = new Set(lines.map(({ runName }) => runName));
    let lookCount = 0;
    for (const foreign of await this.elsewhere.list()) {
      if (known.has(foreign.runName)) continue;
      const line = await this.#foreignLine(foreign, lookCount < MOST_LOOKS);
      if (line.isNew) lookCount += 1;
      lines.push(line.value);
    }
    return lines.sort((left, right) => right.changedAt.localeCompare(left.changedAt));
  }

  async #line(name: string, away: Set<string>): Promise<RunLine | null> {
    const named = await namedRun(name, this.folder);
    const key = `${await keyOf(named.folder.path)} ${named.address}`;
    const known = this.#lines.get(name);
    if (known?.key === key && Date.now() < known.untilMs) return known.value;
    const result = key.startsWith(' ') ? null : await this.result(name).catch(() => null);
    const listed = await listRun(named, result, away);
    const value = listed === null ? null : await this.#complete(named, listed, result);
    const isAtWork = value?.state === 'running' || value?.state === 'waiting';
    const isElsewhere = value !== null && (await named.folder.cluster()) !== null;
    const untilMs = isElsewhere ? Date.now() + CLUSTER_MS : isAtWork ? 0 : Infinity;
    this.#lines.set(name, { key, value, untilMs });
    return value;
  }

  /** A run of another place; where there were many new looks before it, as its list tells it alone. */
  async #foreignLine(foreign: ForeignRun, mayLook: boolean): Promise<{ value: RunLine; isNew: boolean }> {
    const { runName, state } = foreign;
    const key = this.elsewhere.keyOf(foreign);
    const known = this.#lines.get(runName);
    if (known?.key === key && known.value !== null && Date.now() < known.untilMs)
      return { value: known.value, isNew: false };
    const named = await namedRun(runName, this.folder);
    const isLookedAt = mayLook && (state === 'running' || state === 'done');
    const found = isLookedAt ? await this.#lookElsewhere(foreign, named).catch(() => null) : null;
    const value = await this.#foreignValue(foreign, named, found);
    // A look that had to wait, or failed, is made up for.
    const isWhole = found !== null || (state !== 'running' && state !== 'done');
    const untilMs = !isWhole ? 0 : state === 'running' ? Date.now() + FOREIGN_MS : Infinity;
    this.#lines.set(runName, { key, value, untilMs });
    return { value, isNew: isLookedAt };
  }

  async #foreignValue(foreign: ForeignRun, named: NamedRun, found: LookedAtRun | null): Promise<RunLine> {
    const result = found?.result ?? null;
    const stages = found?.progress?.stages ?? [];
    const facts = result === null ? {} : factsOf(result);
    return lineOf({ ...foreign, ...facts }, { named, found, stages, result });
  }

  /** As {@link ForeignRuns.look}, once for all who ask within a second; of a run that has ended once. */
  #lookElsewhere(foreign: ForeignRun, named: NamedRun): Promise<LookedAtRun> {
    const { runName, state } = foreign;
    const key = this.elsewhere.keyOf(foreign);
    const known = this.#looks.get(runName);
    if (known?.key === key && Date.now() < known.untilMs) return known.value;
    const value = this.elsewhere.look(foreign, named);
    const look = { key, value, untilMs: state === 'running' ? Date.now() + LOOK_MS : Infinity };
    this.#looks.set(runName, look);
    value.then(
      // What is missing of a run that has ended may be brought.
      ({ notes }) => void (notes.length > 0 && (look.untilMs = Math.min(look.untilMs, Date.now() + CLUSTER_MS))),
      () => this.#looks.delete(runName),
    );
    return value;
  }

  async #complete(named: NamedRun, listed: ListedRun, result: RunResult | null): Promise<RunLine> {
    const isAtWork = listed.state === 'running';
    const found = isAtWork ? await this.#look(named).catch(() => null) : null;
    const stages = found?.progress?.stages ?? (await named.folder.progress())?.stages ?? result?.stages ?? [];
    return lineOf(listed, { named, found, stages, result: isAtWork ? null : result });
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
    this.elsewhere.changed();
  }

  /** One run, as it stands now. */
  async view(name: string): Promise<RunView> {
    const { named, foreign } = await this.#find(name);
    const looking = foreign === null ? this.#look(named) : this.#lookElsewhere(foreign, named);
    const found = await looking.catch((error: unknown) => {
      if (error instanceof RangeError) return null;
      throw error;
    });
    const result = found?.result ?? null;
    const stages = found?.progress?.stages ?? [];
    const line =
      foreign === null
        ? await this.#lineNow(named, found)
        : await this.#foreignValue({ ...foreign, ...(found && { state: stateOf(found) }) }, named, found);
    const benchmark = await seenBenchmark(named.folder);
    const isAtWork = line.state === 'running' || line.state === 'waiting';
    const hasReport = foreign === null ? (await reportOf(named)) !== null : (result?.report ?? null) !== null;
    return {
      ...line,
      stages,
      warnings: [...new Set(result?.warnings ?? found?.found?.warnings ?? [])],
      notes: found?.notes ?? [],
      reason: found?.reason ?? null,
      verdictLines: [...(result?.report?.verdict ?? benchmark?.verdict ?? [])],
      isPaused: found?.progress?.gate.isPaused ?? false,
      awaitedQuotas: found?.awaitedQuotas ?? null,
      atWork: found === null ? [] : stagesAtWork(found),
      curves: found === null ? [] : curvesOf(await this.#curvesOf(name, result, found), found),
      hasReport: !isAtWork && hasReport,
      temporalUrl: await this.#temporalUrl(named, foreign),
      recipe: await recipeOf(named, result ?? found?.found ?? null),
    };
  }

  async #lineNow(named: NamedRun, found: LookedAtRun | null): Promise<RunLine> {
    const result = found?.result ?? null;
    const listed = (await listRun(named, result, new Set())) ?? emptyLine(named.runName);
    const state = found === null ? listed.state : stateOf(found);
    return lineOf({ ...listed, state }, { named, found, stages: found?.progress?.stages ?? [], result });
  }

  async #temporalUrl({ runName, uiUrl, folder }: NamedRun, foreign: ForeignRun | null): Promise<string | null> {
    const workflowId = foreign !== null && isOnCluster(foreign) ? foreign.workflowId : workflowIdOf(runName);
    if (uiUrl !== null) return `${uiUrl}/namespaces/default/workflows/${workflowId}`;
    const place = foreign === null ? await folder.cluster() : null;
    if (place === null && (foreign === null || !isOnCluster(foreign))) return null;
    return this.elsewhere.temporalUrl(workflowId, place?.address ?? null);
  }

  /** The last lines of a run's log, of one stage or of all, the newest last. */
  async log(name: string, stage: string | null, limit: number): Promise<LogLine[]> {
    const { named, foreign } = await this.#find(name);
    if (foreign === null) return readLog(named.folder, stage, limit);
    const lines = await this.elsewhere.log(foreign);
    return lines.filter((line) => stage === null || line.stage === stage).slice(-limit);
  }

  /** A run's report, or a benchmark's: that of a run elsewhere out of its store. */
  async report(name: string): Promise<string | null> {
    const { named, foreign } = await this.#find(name);
    const path = await reportOf(named);
    if (foreign === null || path !== null) return path === null ? null : readFile(path, 'utf8');
    const { report, config } = await this.result(name);
    if (report === null) return null;
    const store = openStore(config.store.uri);
    const file = fileOf(await readManifest(store, report.report), 'report.html');
    return Buffer.from(await readVerified(store, report.report.uri, file)).toString('utf8');
  }

  /** Of the trainings that are done. */
  async #curvesOf(name: string, result: RunResult | null, found: LookedAtRun): Promise<RunCurve[]> {
    const trained: Trained | null = result ?? found.found;
    if (trained === null) return [];
    const adapters = [trained.warmup, ...trained.methods.map(({ finetune }) => finetune)];
    const hashes = adapters.map((one) => one?.adapter.sha256);
    if (hashes.every((hash) => hash === undefined)) return [];
    const curves = kept(this.#curves, name, hashes.join(), async () => {
      const { readCurves } = await import('../../client/runs/run-curves.ts');
      return readCurves(trained);
    });
    // A run is shown without them where its store cannot be read from here.
    return result !== null && (await this.#isHere(name)) ? curves : curves.catch(() => []);
  }

  async #isHere(name: string): Promise<boolean> {
    return (await this.#find(name)).foreign === null;
  }
}

/** As its folder has it, else as its workflow or its result says it. */
async function recipeOf({ folder }: NamedRun, known: Pick<RunResult, 'config'> | null): Promise<string> {
  for (const name of ['recipe.yaml', 'recipe.resolved.yaml']) {
    const text = await textOf(join(folder.path, name));
    if (text !== null) return text;
  }
  return known === null ? '' : stringify(withDiskNames(known.config));
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

/** Times of the files that tell of a run; empty where none is there. */
async function keyOf(path: string): Promise<string> {
  const times = await Promise.all(TELLING_FILES.map((name) => timeOf(join(path, name))));
  return times.every((time) => time === '') ? '' : times.join();
}

async function timeOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found === null ? '' : `${found.mtimeMs}/${found.size}`;
}
