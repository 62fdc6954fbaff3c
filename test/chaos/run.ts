import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { basename, dirname, join, relative } from 'node:path';
import { expect, vi } from 'vitest';
import { createRandom } from '../../algorithms/random-stream.ts';
import { findRun } from '../../client/runs/runs.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { STAGES } from '../../contracts/stages.ts';
import type { Stage } from '../../contracts/stages.ts';
import type { Cluster } from './cluster.ts';
import { Component } from './component.ts';
import { HEARTBEAT_SECONDS } from './faults.ts';
import type { Fault, StoreKind } from './faults.ts';

/** When a fault strikes: in the middle of a stage. */
export interface Strike {
  fault: Fault;
  stage: Stage;
  /** Share of the stage's undisturbed duration that passes before. */
  moment: number;
}

/** What an undisturbed run leaves, and how long its stages take. */
export interface Undisturbed {
  /** Hash of every file of the store by its path, the report's left out: it tells times. */
  files: Record<string, string>;
  reportCount: number;
  stageMs: Record<Stage, number>;
  seconds: number;
}

/** What became of a strike. */
export interface Struck {
  strike: Strike;
  /** Seconds since the work that it hit was last made durable, at most; null where it loses no work. */
  redoneSeconds: number | null;
}

/** Long enough in every stage to be met in the middle of it. */
const SETTINGS = ['warmup.epochs=8', 'finetune.epochs=12', 'gradients.projection=rademacher', 'gradients.sketch=512'];
const STAGE_TIMEOUT_MS = 120_000;
const SETTLE_TIMEOUT_MS = 60_000;

/** A run with its own folder and store on a cluster, followed by a client that is given again if it is killed. */
export class ChaosRun {
  readonly #cluster: Cluster;
  readonly #name: string;
  readonly #folder: string;
  readonly #client: Component;
  /** Folder of the store's files, of a bucket too. */
  readonly storeFolder: string;
  #exitCode: Promise<number>;

  constructor(cluster: Cluster, name: string, kind: StoreKind) {
    this.#cluster = cluster;
    this.#name = name;
    this.#folder = join(cluster.folder, name);
    const { uri, folder } = this.#place(kind);
    this.storeFolder = folder;
    const options = ['--address', cluster.address, '--heartbeat-timeout', String(HEARTBEAT_SECONDS)];
    const args = [
      'run',
      join(cluster.data, 'recipe.yaml'),
      ...SETTINGS,
      `run.name=${name}`,
      `store.uri=${uri}`,
      ...options,
    ];
    this.#client = new Component(this.#folder, 'client', args, cluster.environment);
    this.#client.start();
    this.#exitCode = this.#follow();
  }

  #place(kind: StoreKind): { uri: string; folder: string } {
    const { objects, disk } = this.#cluster;
    if (kind !== 'bucket') {
      const folder = join(kind === 'folder' ? this.#folder : disk, this.#name);
      return { uri: folder, folder };
    }
    if ('refusal' in objects) throw new Error(objects.refusal);
    const { bucket, folder } = objects.server;
    return { uri: `s3://${bucket}/${this.#name}`, folder: join(folder, this.#name) };
  }

  async #follow(): Promise<number> {
    for (;;) {
      const exitCode = await this.#client.finished();
      if (exitCode !== null) return exitCode;
      this.#client.start();
    }
  }

  /** Waits for the moment, and strikes. */
  async strike(strike: Strike, { stageMs }: Undisturbed, seed: number): Promise<Struck> {
    const { fault, stage, moment } = strike;
    const begunMs = await this.#reach(stage);
    await new Promise((resolve) => setTimeout(resolve, moment * stageMs[stage]));
    const redoneSeconds = fault.losesWork ? this.#secondsSinceDurable(stage, begunMs) : null;
    const random = createRandom(`chaos/${this.#name}/${fault.name}`, seed);
    await fault.strike({ cluster: this.#cluster, client: this.#client, random });
    return { strike, redoneSeconds };
  }

  /** Waits until a stage has begun. @returns since when it runs */
  async #reach(stage: Stage): Promise<number> {
    return vi.waitFor(
      async () => {
        const handle = await findRun(this.#cluster.runtime.client, this.#name);
        const found = (await handle.progress())?.stages.find((candidate) => candidate.stage === stage);
        expect(found?.startedAtMs, `${this.#name}: ${stage} must begin; ${this.#client.log()}`).toEqual(
          expect.any(Number),
        );
        return found!.startedAtMs!;
      },
      { timeout: STAGE_TIMEOUT_MS, interval: 20 },
    );
  }

  /** Since the last checkpoint of the stage: of the shard that waits longest, where there are several. */
  #secondsSinceDurable(stage: Stage, begunMs: number): number {
    const files = filesBelow(join(this.storeFolder, 'checkpoints', stage));
    const newest = new Map<string, number>();
    for (const path of files) {
      const unit = stage === 'gradients' ? dirname(path) : stage;
      newest.set(unit, Math.max(newest.get(unit) ?? 0, statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0));
    }
    const since = newest.size === 0 ? begunMs : Math.min(...newest.values());
    return Math.max(0, Date.now() - Math.max(since, begunMs)) / 1000;
  }

  /** Waits for the run's end and until every process that was struck has come to rest. */
  async outcome(undisturbed: Undisturbed | null): Promise<Undisturbed> {
    const exitCode = await this.#exitCode;
    expect(exitCode, this.#client.log()).toBe(0);
    const path = join(this.#folder, 'runs', this.#name, 'result.json');
    const result = JSON.parse(readFileSync(path, 'utf8')) as RunResult;
    if (undisturbed !== null) {
      await vi.waitFor(() => expect(this.#files().files).toEqual(undisturbed.files), {
        timeout: SETTLE_TIMEOUT_MS,
        interval: 500,
      });
      // A client that is given again when its run has just ended starts it once more: all cached, with a report of its
      // own.
      expect(this.#files().reportCount).toBeGreaterThanOrEqual(1);
    }
    const durations = STAGES.map((stage) => [
      stage,
      result.stages.find((candidate) => candidate.stage === stage)?.durationMs ?? 0,
    ]);
    const stageMs = Object.fromEntries(durations) as Undisturbed['stageMs'];
    const seconds = Object.values(stageMs).reduce((sum, milliseconds) => sum + milliseconds, 0) / 1000;
    return { ...this.#files(), stageMs, seconds };
  }

  #files(): Pick<Undisturbed, 'files' | 'reportCount'> {
    const files: Undisturbed['files'] = {};
    let reportCount = 0;
    for (const path of filesBelow(this.storeFolder)) {
      const key = relative(this.storeFolder, path);
      if (key.startsWith('artifacts/report/')) reportCount += basename(key) === 'artifact.json' ? 1 : 0;
      // What is kept by the run's name tells times; a process that was killed leaves its lease until that is too old.
      else if (!key.startsWith(`runs/${this.#name}/`) && !key.startsWith('leases/'))
        files[key] = createHash('sha256').update(readFileSync(path)).digest('hex');
    }
    return { files, reportCount };
  }

  close(): void {
    this.#client.signal('SIGKILL');
    rmSync(this.storeFolder, { recursive: true, force: true });
  }
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}
