// The models of a process, with a look at what is asked of the engine.
import { ModelHost } from '../../activities/shared/model-host.ts';
import type { Config, ModelConfig } from '../../contracts/config.ts';
import type { Engine, EngineModel } from '../../model/engine.ts';

/** What is counted: micro-batches of gradients, optimiser steps, micro-batches that are scored. */
export type Call = 'gradients' | 'update' | 'score';

/** A model host that counts the calls of the engine, and can do something after one of them. */
export class WatchedModels extends ModelHost {
  calls: Record<Call, number> = { gradients: 0, update: 0, score: 0 };
  #next: { call: Call; count: number; action: () => void } | null = null;

  /** Forgets what was counted, and what was to be done. */
  reset(): void {
    this.calls = { gradients: 0, update: 0, score: 0 };
    this.#next = null;
  }

  /** Does something once, when so many calls of a kind have returned since the last reset. */
  after(call: Call, count: number, action: () => void): void {
    this.#next = { call, count, action };
  }

  override async model(config: Config, breathe: () => Promise<void>): Promise<EngineModel> {
    const model = await super.model(config, breathe);
    const counted =
      <Args extends unknown[], Result>(call: Call, compute: (...args: Args) => Promise<Result>) =>
      async (...args: Args): Promise<Result> => {
        const result = await compute(...args);
        this.#count(call);
        return result;
      };
    return {
      ...model,
      openGradients: (...settings) => {
        const computer = model.openGradients(...settings);
        return { ...computer, compute: counted('gradients', (examples) => computer.compute(examples)) };
      },
      openTraining: (...start) => {
        const trainer = model.openTraining(...start);
        return {
          get step() {
            return trainer.step;
          },
          addMicroBatch: (examples, weight) => trainer.addMicroBatch(examples, weight),
          update: counted('update', (learningRate) => trainer.update(learningRate)),
          state: () => trainer.state(),
          dispose: () => trainer.dispose(),
        };
      },
      openScoring: (adapter) => {
        const scorer = model.openScoring(adapter);
        return { ...scorer, score: counted('score', (examples) => scorer.score(examples)) };
      },
    };
  }

  #count(call: Call): void {
    this.calls[call] += 1;
    if (this.#next?.call !== call || this.#next.count !== this.calls[call]) return;
    const { action } = this.#next;
    this.#next = null;
    action();
  }
}

/** A host whose engine says that it is another one. */
export class OtherEngine extends ModelHost {
  override async engine(config: ModelConfig): Promise<Engine> {
    const engine = await super.engine(config);
    return { ...engine, description: { ...engine.description, instructionSet: 'another' } };
  }
}
