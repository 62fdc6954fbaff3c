import type { RowPlace } from '../../contracts/row-place.ts';
import type { ExampleLoader, LoadedExample } from '../../dataset/rows/load-example.ts';
import { ImageFeatures } from '../../model/tensorflow/image-features.ts';
import type { ImageScope } from '../../model/tensorflow/image-features.ts';
import type { LoadedModel } from '../../model/tensorflow/load-model.ts';
import type { ModelExample } from '../../model/tensorflow/micro-batch.ts';

/** Bound of the pictures' vectors that a process keeps. */
const FEATURE_CACHE_BYTES = 512 * 1024 * 1024;

/** Rows whose encoded prompts are kept: small beside the pictures. */
const REMEMBERED_ROWS = 20_000;

/** Turns rows of a table into examples for the model. */
export class ExampleSource {
  readonly #loader: ExampleLoader;
  readonly #features: ImageFeatures;
  readonly #loaded = new Map<number, LoadedExample>();

  constructor(model: LoadedModel, loader: ExampleLoader) {
    this.#loader = loader;
    this.#features = new ImageFeatures(model, (path) => loader.pixels(path), FEATURE_CACHE_BYTES);
  }

  /** The rows' pictures, each once, in the order of first use. */
  async scope(id: string, places: readonly RowPlace[]): Promise<ImageScope> {
    const images = new Set<string>();
    for (const place of places) for (const image of (await this.#load(place)).images) images.add(image);
    return { id, images: [...images] };
  }

  /** The examples of the rows, in their order. */
  async examples(places: readonly RowPlace[], scope: ImageScope): Promise<ModelExample[]> {
    const examples: ModelExample[] = [];
    for (const place of places) {
      const loaded = await this.#load(place);
      const features = await this.#features.get(scope, loaded.images);
      await this.#loader.requireUnchanged(place, loaded);
      examples.push({ ids: loaded.prompt.ids, labels: loaded.prompt.labels, features });
    }
    return examples;
  }

  async #load(place: RowPlace): Promise<LoadedExample> {
    const found = this.#loaded.get(place.rowIndex);
    if (found !== undefined) return found;
    const loaded = await this.#loader.load(place);
    if (this.#loaded.size >= REMEMBERED_ROWS) this.#loaded.clear();
    this.#loaded.set(place.rowIndex, loaded);
    return loaded;
  }

  close(): Promise<void> {
    return this.#loader.close();
  }
}
