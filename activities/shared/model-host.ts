import { resolve } from 'node:path';
import type { ModelConfig } from '../../contracts/config.ts';
import { loadEngine } from '../../model/engine.ts';
import type { Engine } from '../../model/engine.ts';
import { loadModel } from '../../model/tensorflow/load-model.ts';
import type { LoadedModel } from '../../model/tensorflow/load-model.ts';

/** The process's engine, and the one model that is resident in it. */
export class ModelHost {
  #engineName: ModelConfig['engine'] | null = null;
  #engine: Engine | null = null;
  #model: LoadedModel | null = null;

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
  async model(config: ModelConfig, breathe: () => Promise<void>): Promise<LoadedModel> {
    await this.engine(config);
    const folder = resolve(config.path);
    if (this.#model?.folder !== folder) {
      this.dispose();
      this.#model = await loadModel(folder, breathe);
    }
    return this.#model!;
  }

  dispose(): void {
    this.#model?.weights.dispose();
    this.#model = null;
  }
}
