// Rows of a table as examples for the model.
import type { RowPlace } from '../../contracts/row-place.ts';
import type { ExampleLoader, LoadedExample } from '../../dataset/rows/load-example.ts';
import type { EngineModel, ImageScope, ModelExample, PictureEncoder } from '../../model/engine.ts';

/** Rows whose encoded prompts are kept: small beside the pictures. */
const REMEMBERED_ROWS = 20_000;

/** Turns rows of a table into examples for the model. */
export class ExampleSource {
  readonly #loader: ExampleLoader;
  readonly #features: PictureEncoder;
  readonly #loaded = new Map<number, LoadedExample>();

  constructor(model: EngineModel, loader: ExampleLoader) {
    this.#loader = loader;
    this.#features = model.openPictures((path) => loader.pixels(path));
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
