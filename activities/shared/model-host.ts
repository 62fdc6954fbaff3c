// The process's engine, and the one model that is resident in it.
import { resolve } from 'node:path';
import type { ModelConfig } from '../../contracts/config.ts';
import type { Engine, EngineModel } from '../../model/engine.ts';
import { loadEngine } from '../../model/load-engine.ts';

export class ModelHost {
  #engineName: ModelConfig['engine'] | null = null;
  #engine: Engine | null = null;
  #model: EngineModel | null = null;

  /** The engine that the config asks for; a change of engine frees the model. */
  async engine(config: ModelConfig): Promise<Engine> {
    if (this.#engine === null || this.#engineName !== config.engine) {
      this.dispose();
      this.#engine = await loadEngine(config.engine);
      this.#engineName = config.engine;
    }
    return this.#engine;
  }

  /**
   * The model of the config, loaded once and kept until another one is asked for.
   * @param breathe called between tensors, so that heartbeats go out while a large model loads
   */
  async model(config: ModelConfig, breathe: () => Promise<void>): Promise<EngineModel> {
    const engine = await this.engine(config);
    const folder = resolve(config.path);
    if (this.#model === null || this.#model.folder !== folder) {
      this.dispose();
      this.#model = await engine.loadModel(folder, breathe);
    }
    return this.#model;
  }

  dispose(): void {
    this.#model?.dispose();
    this.#model = null;
  }
}
