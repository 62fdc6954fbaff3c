// Rows of a table as examples for the model.
import type { CountedPlace, RowPlace } from '../../contracts/row-place.ts';
import type { ExampleLoader, LoadedExample } from '../../dataset/rows/load-example.ts';
import type { WrittenRowLoader } from '../../dataset/rows/load-written.ts';
import type { PromptEncoder, TextEncoder } from '../../dataset/prompts/prompt.ts';
import type { EngineModel, ImageScope, ModelExample, PictureEncoder } from '../../model/engine.ts';

/** Rows whose encoded prompts are kept: small beside the pictures. */
const REMEMBERED_ROWS = 20_000;

/** Rows that are encoded together. */
const ENCODED_ROWS = 64;

/** Turns rows of a table into examples for the model. */
export interface ExampleSource {
  /** Micro-batches that may be begun before one is done: none where the computing engine encodes the pictures. */
  readonly ahead: number;
  /** Bytes of pictures' vectors that it keeps for rows that come again; 0 where it keeps none. */
  readonly vectorBytes: number;
  /** Whether a special token ends answers. */
  readonly endsAnswers: boolean;
  /** Text of ids without special tokens; null where the engine makes texts itself. */
  readonly textOf: ((ids: Int32Array) => string) | null;
  /** The rows' pictures, each once, in the order of first use. */
  scope(id: string, places: readonly RowPlace[]): Promise<ImageScope>;
  /** The examples of the rows, in their order. */
  examples(places: readonly CountedPlace[], scope: ImageScope): Promise<ModelExample[]>;
  close(): Promise<void>;
}

/** Rows and their pictures for a model's own processor. */
export class RowExamples implements ExampleSource {
  readonly ahead = 1;
  readonly vectorBytes = 0;
  readonly endsAnswers: boolean;
  readonly textOf = null;
  readonly #loader: WrittenRowLoader;
  readonly #cutoffLen: number;

  /** @param cutoffLen longest example in tokens */
  constructor(loader: WrittenRowLoader, { endsAnswers }: Pick<PromptEncoder, 'endsAnswers'>, cutoffLen: number) {
    this.#loader = loader;
    this.endsAnswers = endsAnswers;
    this.#cutoffLen = cutoffLen;
  }

  /** Nothing is encoded apart from its row. */
  scope(id: string): Promise<ImageScope> {
    return Promise.resolve({ id, images: [] });
  }

  async examples(places: readonly CountedPlace[]): Promise<ModelExample[]> {
    const rows = await this.#loader.load(places);
    return rows.map((row, index) => {
      const { tokenCount, supervisedTokenCount: answerTokenCount } = places[index]!;
      return { ...row, tokenCount, answerTokenCount, cutoffLen: this.#cutoffLen };
    });
  }

  close(): Promise<void> {
    return this.#loader.close();
  }
}

/** Tokens, and vectors of pictures that are encoded together. */
export class TokenExamples implements ExampleSource {
  readonly ahead = 0;
  readonly endsAnswers: boolean;
  readonly textOf: (ids: Int32Array) => string;
  readonly #loader: ExampleLoader;
  readonly #features: PictureEncoder;
  readonly #loaded = new Map<number | string, LoadedExample>();

  /** @throws TypeError for a model that takes rows */
  constructor(model: EngineModel, loader: ExampleLoader, encoder: Pick<TextEncoder, 'endsAnswers' | 'decode'>) {
    if (model.openPictures === null) throw new TypeError('model: must take tokens and vectors, got one of rows');
    this.#loader = loader;
    this.endsAnswers = encoder.endsAnswers;
    this.textOf = (ids) => encoder.decode(ids);
    this.#features = model.openPictures((path) => loader.pixels(path));
  }

  get vectorBytes(): number {
    return this.#features.byteCount;
  }

  async scope(id: string, places: readonly RowPlace[]): Promise<ImageScope> {
    const images = new Set<string>();
    for (let start = 0; start < places.length; start += ENCODED_ROWS) {
      for (const row of await this.#load(places.slice(start, start + ENCODED_ROWS)))
        for (const image of row.images) images.add(image);
    }
    return { id, images: [...images] };
  }

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
    const missing = [...new Map(places.map((place) => [nameOf(place), place])).values()].filter(
      (place) => !this.#loaded.has(nameOf(place)),
    );
    const loaded = await this.#loader.load(missing);
    loaded.forEach((example, index) => this.#loaded.set(nameOf(missing[index]!), example));
    return places.map((place) => this.#loaded.get(nameOf(place))!);
  }

  close(): Promise<void> {
    return this.#loader.close();
  }
}

/** A row as it is, or as one of its copies is changed. */
function nameOf({ rowIndex, change }: RowPlace): number | string {
  return change === undefined ? rowIndex : `${rowIndex} ${change.operation} ${change.parameter}`;
}
