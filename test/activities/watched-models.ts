// The models of a process, with a look at what is asked of the engine.
import { ModelHost } from '../../activities/shared/model-host.ts';
import type { Config, ModelConfig } from '../../contracts/config.ts';
import type { Engine, EngineModel, ModelExample, Trainer } from '../../model/engine.ts';

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

  /** Whether the first example that is trained on, and every one like it, has no finite loss. */
  breaksFirst = false;
  #first: string | null = null;

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
        const trainer = this.#breaking(model.openTraining(...start));
        return {
          get step() {
            return trainer.step;
          },
          addMicroBatch: (examples, weight) => trainer.addMicroBatch(examples, weight),
          update: counted('update', (learningRate) => trainer.update(learningRate)),
          drop: () => trainer.drop(),
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

  /** Gives no finite number for what holds the first example of all, where that is wanted. */
  #breaking(trainer: Trainer): Trainer {
    if (!this.breaksFirst) return trainer;
    let isBroken = false;
    const orNaN = async (found: Promise<number>): Promise<number> => {
      const wasBroken = isBroken;
      isBroken = false;
      return wasBroken ? (await found, NaN) : found;
    };
    return {
      get step() {
        return trainer.step;
      },
      addMicroBatch: async (examples, weight) => {
        this.#first ??= keyOf(examples[0]!);
        isBroken ||= examples.some((example) => keyOf(example) === this.#first);
        const loss = await trainer.addMicroBatch(examples, weight);
        return isBroken ? NaN : loss;
      },
      // What is not finite changes nothing.
      update: (learningRate) => orNaN(isBroken ? trainer.drop() : trainer.update(learningRate)),
      drop: () => orNaN(trainer.drop()),
      state: () => trainer.state(),
      dispose: () => trainer.dispose(),
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

function keyOf(example: ModelExample): string {
  return 'ids' in example ? example.ids.join() : JSON.stringify(example.pieces);
}

/** A host whose engine says that it is another one. */
export class OtherEngine extends ModelHost {
  override async engine(config: ModelConfig): Promise<Engine> {
    const engine = await super.engine(config);
    return { ...engine, description: { ...engine.description, instructionSet: 'another' } };
  }
}
