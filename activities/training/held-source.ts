// The test rows that a process scored last, with their pictures' vectors: other models are scored on the same ones.
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import type { EngineModel } from '../../model/engine.ts';
import type { ExampleSource } from '../shared/examples.ts';

/** Vectors that are held beside those of the work that comes between: 64 MiB. */
const MOST_HELD_BYTES = 64 * 1024 ** 2;

/** What a source is made of: it gives the same where all of it is the same. */
export interface SourceParts {
  /** Settings. */
  key: string;
  model: EngineModel;
  dataset: LocalDataset;
}

/** Keeps one source between activities. It is nobody else's while it is used. */
export class HeldSource {
  #held: (SourceParts & { source: ExampleSource }) | null = null;

  /**
   * Works with the source of the parts: the held one, or one that is made. It is held afterwards where it has few
   * vectors, else closed, as it is where the work fails.
   */
  async use<Result>(
    { key, model, dataset }: SourceParts,
    make: () => Promise<ExampleSource>,
    work: (source: ExampleSource) => Promise<Result>,
  ): Promise<Result> {
    const held = this.#held;
    this.#held = null;
    const fits = held !== null && held.key === key && held.model === model && held.dataset === dataset;
    if (held !== null && !fits) await held.source.close();
    const source = fits ? held.source : await make();
    let isHeld = false;
    try {
      const result = await work(source);
      isHeld = this.#held === null && source.vectorBytes > 0 && source.vectorBytes <= MOST_HELD_BYTES;
      if (isHeld) this.#held = { key, model, dataset, source };
      return result;
    } finally {
      if (!isHeld) await source.close();
    }
  }
}
