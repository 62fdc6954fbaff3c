// The process's engine, the one model that is resident in it, and how fast it is.
import { resolve } from 'node:path';
import type { Config, EngineName, ModelConfig } from '../../contracts/config.ts';
import { describeTokenModel } from '../../model/describe-token-model.ts';
import type { Engine, EngineModel, ModelDescription } from '../../model/engine.ts';
import { chooseEngine, loadEngine } from '../../model/load-engine.ts';
import type { Stage } from '../../contracts/stages.ts';
import { needsRecomputation } from './memory-plan.ts';
import { Pace } from './pace.ts';

export class ModelHost {
  #engineKey: string | null = null;
  #engine: Engine | null = null;
  #model: EngineModel | null = null;
  readonly #choices = new Map<string, Promise<'auto' | EngineName>>();
  readonly #paces = new Map<Stage, Pace>();
  readonly #described = new Map<string, Promise<ModelDescription>>();

  /** The process begins a piece of work: how fast it is at it goes on from the last one of the stage. */
  pace(stage: Stage): Pace {
    for (const [other, pace] of this.#paces) if (other !== stage) pace.leave();
    const known = this.#paces.get(stage) ?? new Pace();
    this.#paces.set(stage, known);
    known.begin(performance.now());
    return known;
  }

  /** The engine that the config asks for; a change of engine frees the model, and so does the loss of one. */
  async engine(config: ModelConfig): Promise<Engine> {
    const name = await this.#choice(config);
    const key = `${name} ${config.dtype}`;
    if (this.#engine === null || this.#engineKey !== key || this.#engine.isLost()) {
      await this.dispose();
      this.#engine = await loadEngine(name, config.dtype);
      this.#engineKey = key;
    }
    return this.#engine;
  }

  /** What is known of the config's model without its weights; no engine is loaded where its files tell. */
  async describe(config: ModelConfig): Promise<ModelDescription> {
    const name = await this.#choice(config);
    if (name !== 'torch') return describeTokenModel(config.path);
    const engine = await this.engine(config);
    const folder = resolve(config.path);
    // The description goes with its engine: the model's processor lives there.
    if (!this.#described.has(folder)) this.#described.set(folder, engine.describeModel(folder));
    return this.#described.get(folder)!;
  }

  /**
   * The model of the config, loaded once and kept until another one is asked for.
   * @param breathe called between tensors, and while another process computes, so that heartbeats go out
   */
  async model(config: Config, breathe: () => Promise<void>): Promise<EngineModel> {
    const engine = await this.engine(config.model);
    const folder = resolve(config.model.path);
    if (this.#model === null || this.#model.folder !== folder) {
      this.#model?.dispose();
      this.#model = null;
      const recompute = engine.description.engine === 'torch' && (await needsRecomputation(config, this));
      this.#model = await engine.loadModel(folder, breathe, recompute);
    }
    this.#model.whileWaiting(breathe);
    return this.#model;
  }

  /** Frees the model and the engine; the next call loads them again. */
  async dispose(): Promise<void> {
    this.#model?.dispose();
    this.#model = null;
    this.#described.clear();
    await this.#engine?.dispose();
    this.#engine = null;
  }

  #choice(config: ModelConfig): Promise<'auto' | EngineName> {
    const key = `${config.engine} ${resolve(config.path)}`;
    if (!this.#choices.has(key)) this.#choices.set(key, chooseEngine(config));
    return this.#choices.get(key)!;
  }
}
