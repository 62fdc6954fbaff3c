// Rows of a table as examples for the model.
import type { RowPlace } from '../../contracts/row-place.ts';
import type { ExampleLoader, LoadedExample } from '../../dataset/rows/load-example.ts';
import type { EngineModel, ImageScope, ModelExample, PictureEncoder } from '../../model/engine.ts';

/** Rows whose encoded prompts are kept: small beside the pictures. */
const REMEMBERED_ROWS = 20_000;

/** Rows that are encoded together. */
const ENCODED_ROWS = 64;

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
    for (let start = 0; start < places.length; start += ENCODED_ROWS) {
      for (const row of await this.#load(places.slice(start, start + ENCODED_ROWS)))
        for (const image of row.images) images.add(image);
    }
    return { id, images: [...images] };
  }

  /** The examples of the rows, in their order. */
  async examples(places: readonly RowPlace[], scope: ImageScope): Promise<ModelExample[]> {
    const examples: ModelExample[] = [];
    const rows = await this.#load(places);
    for (const [index, loaded] of rows.entries()) {
      const features = await this.#features.get(scope, loaded.images);
      await this.#loader.requireUnchanged(places[index]!, loaded);
      examples.push({ ids: loaded.prompt.ids, labels: loaded.prompt.labels, features });
    }
    return examples;
  }

  async #load(places: readonly RowPlace[]): Promise<LoadedExample[]> {
    if (this.#loaded.size + places.length > REMEMBERED_ROWS) this.#loaded.clear();
    const missing = [...new Map(places.map((place) => [place.rowIndex, place])).values()].filter(
      ({ rowIndex }) => !this.#loaded.has(rowIndex),
    );
    const loaded = await this.#loader.load(missing);
    loaded.forEach((example, index) => this.#loaded.set(missing[index]!.rowIndex, example));
    return places.map(({ rowIndex }) => this.#loaded.get(rowIndex)!);
  }

  close(): Promise<void> {
    return this.#loader.close();
  }
}
