// The stages of a small run in this process: the small dataset in a folder of its own, a store, the tiny golden model.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll } from 'vitest';
import { createDatasetActivities } from '../../activities/dataset/stage.ts';
import { createGradientActivities } from '../../activities/gradients/stage.ts';
import type { ComputeDependencies } from '../../activities/shared/dependencies.ts';
import { createWarmupActivities } from '../../activities/training/warmup.ts';
import { createValuesActivities } from '../../activities/values/stage.ts';
import { loadRecipe } from '../../client/recipe/recipe.ts';
import type { Config } from '../../contracts/config.ts';
import type { ScanInput, ScanResult } from '../../contracts/messages/dataset.ts';
import type { GradientsInput, GradientsResult } from '../../contracts/messages/gradients.ts';
import type { Checkpoint } from '../../contracts/messages/run.ts';
import type { AdapterResult } from '../../contracts/messages/training.ts';
import type { ValuesResult } from '../../contracts/messages/values.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { LocalStore } from '../../store/local-store.ts';
import { writeSmallDataset } from '../client/small-dataset.ts';
import { WatchedModels } from './watched-models.ts';

/** A few steps are enough for what is asked of the numbers. */
const FEW_STEPS = ['model.engine=tensorflow', 'warmup.fraction=0.15', 'warmup.epochs=1', 'finetune.epochs=1'];

/** What is around an activity. */
export interface Surroundings {
  attempt?: number;
  heartbeatDetails?: Checkpoint;
  /** Called before the activity starts. */
  onStart?(cancel: () => void): void;
  /** Receives every heartbeat that is sent. */
  heartbeats?: Checkpoint[];
}

/** Runs an activity in surroundings that are made for it. */
export async function inActivity<Input, Result>(
  activity: (input: Input) => Promise<Result>,
  input: Input,
  { onStart, heartbeats, ...info }: Surroundings = {},
): Promise<Result> {
  const environment = new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') });
  environment.on('heartbeat', (details: Checkpoint) => void heartbeats?.push(details));
  onStart?.(() => environment.cancel('CANCELLED'));
  return (await environment.run(activity, input)) as Result;
}

/** The small run of a test file. Stages that are asked again with the same settings come from its store. */
export class SmallRun {
  readonly folder = mkdtempSync(join(tmpdir(), 'tive-stages-'));
  readonly store: LocalStore;
  readonly models = new WatchedModels();
  readonly dependencies: ComputeDependencies;
  readonly #settings: readonly string[];

  /** @param settings of the recipe, for all stages */
  constructor(...settings: string[]) {
    this.#settings = settings;
    writeSmallDataset(this.folder);
    this.store = new LocalStore(join(this.folder, 'store'));
    this.dependencies = { openStore: () => this.store, models: this.models };
    afterAll(async () => {
      await this.models.dispose();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  /** The recipe of the small dataset with these settings over its own. */
  config(...settings: string[]): Config {
    const overrides = [`store.uri=${this.store.uri}`, ...FEW_STEPS, ...this.#settings, ...settings];
    return loadRecipe(join(this.folder, 'recipe.yaml'), { overrides }).config;
  }

  scan(config: Config, source: ScanInput['source'] = 'dataset', around: Surroundings = {}): Promise<ScanResult> {
    return inActivity(createDatasetActivities(this.dependencies).scanRows, { config, source }, around);
  }

  async tune(config: Config, around: Surroundings = {}): Promise<AdapterResult> {
    const { rows } = await this.scan(config);
    return inActivity(createWarmupActivities(this.dependencies).tuneReference, { config, rows }, around);
  }

  /** What the gradients of a config are taken from. */
  async gradientsInput(config: Config): Promise<GradientsInput> {
    const { rows } = await this.scan(config);
    return { config, rows, adapter: (await this.tune(config)).adapter };
  }

  /** The gradient table of these rows, shard by shard. */
  async takeGradients(input: GradientsInput): Promise<GradientsResult> {
    const activities = createGradientActivities(this.dependencies);
    const { address, shardCount, finished } = await inActivity(activities.planGradients, input);
    if (finished !== null) return finished;
    const shards = [];
    for (let shard = 0; shard < shardCount; shard += 1)
      shards.push(await inActivity(activities.computeGradientShard, { ...input, address, shard, shardCount }));
    return inActivity(activities.closeGradients, { ...input, address, shards });
  }

  async estimate(config: Config): Promise<ValuesResult & { rows: ArtifactReference; gradients: ArtifactReference }> {
    const input = await this.gradientsInput(config);
    const { gradients } = await this.takeGradients(input);
    const { estimateValues } = createValuesActivities(this.dependencies);
    const values = await inActivity(estimateValues, { config, rows: input.rows, gradients: [gradients] });
    return { ...values, rows: input.rows, gradients };
  }

  /** Hash of a file of an artifact. */
  hashOf({ uri }: ArtifactReference, name: string): string {
    return createHash('sha256')
      .update(readFileSync(join(this.store.uri, uri, name)))
      .digest('hex');
  }
}
