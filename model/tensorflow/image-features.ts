// Pictures' vectors by the vision tower, kept within a bound.
import type { ImageScope, PictureEncoder } from '../engine.ts';
import { patchSide } from '../architectures/architecture.ts';
import { GROUP_TOKENS } from '../memory/bounds.ts';
import type { LoadedModel } from './load-model.ts';
import { pictureVectors } from './picture-vectors.ts';

/**
 * Pictures' vectors, each encoded once within a memory bound.
 *
 * A picture's bits depend on its group's size and its place in it, so groups are fixed by the scope, never by what the
 * cache happens to hold: consecutive pictures of the scope. Where one picture fills a group, its vectors depend on
 * nothing else and are shared by all scopes.
 */
export class ImageFeatures implements PictureEncoder {
  readonly #model: LoadedModel;
  readonly #readPixels: (image: string) => Promise<Float32Array>;
  readonly #maxBytes: number;
  readonly #groupSize: number;
  readonly #groups = new Map<string, Float32Array[]>();
  /** Place of every picture of the scope that was asked last. */
  #index: { scope: ImageScope; places: Map<string, number> } | null = null;
  #bytes = 0;

  /** @param maxBytes bound of the cache; the least recently used group leaves first */
  constructor(model: LoadedModel, readPixels: (image: string) => Promise<Float32Array>, maxBytes: number) {
    const { vision } = model.config;
    const vectorCount = vision === null ? GROUP_TOKENS : patchSide(vision) ** 2 + 1;
    this.#model = model;
    this.#readPixels = readPixels;
    this.#maxBytes = maxBytes;
    this.#groupSize = Math.max(1, Math.floor(GROUP_TOKENS / vectorCount));
  }

  get byteCount(): number {
    return this.#bytes;
  }

  /** Vectors `[imageTokenCount, hidden]` of the wanted pictures, in their order. */
  async get(scope: ImageScope, wanted: readonly string[]): Promise<Float32Array[]> {
    const features: Float32Array[] = [];
    for (const image of wanted) {
      const place = this.#places(scope).get(image) ?? -1;
      if (place < 0) throw new RangeError(`image features: picture must be in its scope, got ${image} in ${scope.id}`);
      const size = this.#sizeOfGroups(scope);
      const start = place - (place % size);
      const group = await this.#group(scope, start, size);
      features.push(group[place - start]!);
    }
    return features;
  }

  #places(scope: ImageScope): Map<string, number> {
    if (this.#index?.scope !== scope)
      this.#index = { scope, places: new Map(scope.images.map((image, place) => [image, place])) };
    return this.#index.places;
  }

  /** As many groups as there must be, of one size but for the last. */
  #sizeOfGroups({ images }: ImageScope): number {
    return Math.ceil(images.length / Math.ceil(images.length / this.#groupSize));
  }

  async #group(scope: ImageScope, start: number, size: number): Promise<Float32Array[]> {
    const images = scope.images.slice(start, start + size);
    const key = this.#groupSize === 1 ? images[0]! : `${scope.id} ${start}`;
    const found = this.#groups.get(key);
    if (found !== undefined) {
      this.#groups.delete(key);
      this.#groups.set(key, found);
      return found;
    }
    const values = pictureVectors(this.#model, await Promise.all(images.map((image) => this.#readPixels(image))));
    const length = values.length / images.length;
    const group = images.map((_, index) => values.slice(index * length, (index + 1) * length));
    this.#groups.set(key, group);
    this.#bytes += values.byteLength;
    this.#evict(length * 4);
    return group;
  }

  #evict(imageBytes: number): void {
    for (const [key, group] of this.#groups) {
      if (this.#bytes <= this.#maxBytes || this.#groups.size === 1) return;
      this.#groups.delete(key);
      this.#bytes -= group.length * imageBytes;
    }
  }
}
