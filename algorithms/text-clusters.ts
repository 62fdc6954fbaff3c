// Groups of texts by their words: spherical k-means of TF-IDF vectors.
import { createRandom } from './random-stream.ts';

/** Groups of texts that share their words. */
export interface TextClusters {
  /** Place of each known word. */
  vocabulary: ReadonlyMap<string, number>;
  /** Inverse document frequency of each word. */
  weights: Float64Array;
  /** Unit vectors, one a cluster. */
  centroids: Float64Array[];
  /** Up to three words that tell a cluster from the others, the strongest first. */
  words: string[][];
  /** Mean silhouette of each number of clusters that was tried, in [−1, 1]. */
  tried: { clusterCount: number; silhouette: number }[];
}

/** Words of a document, and how often each counts. */
export type WordCounts = ReadonlyMap<string, number>;

/** Words that are known: the most frequent of those that at least so many texts have. */
const MOST_WORDS = 2000;
const LEAST_TEXTS = 3;

const CLUSTER_COUNTS = [2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32];
const ITERATIONS = 30;

/** A cluster is at least this share of the texts. */
const LEAST_SHARE = 0.002;

/** Words of a vector, by place, and their weights; of unit length, or empty. */
interface SparseVector {
  places: Uint32Array;
  values: Float64Array;
}

/**
 * Spherical k-means of TF-IDF vectors: x = normalise((1 + ln count) · ln(1 + n / df)), similarity = cosine. The number
 * of clusters is the one with the highest mean simplified silhouette (b − a) / max(a, b), where a and b are the
 * distances 1 − cosine to the own centroid and to the nearest other one. Equal texts in equal order give equal
 * clusters.
 *
 * @see Dhillon and Modha 2001, Concept decompositions; Hruschka et al. 2004 for the simplified silhouette
 */
export function fitTextClusters(texts: readonly WordCounts[]): TextClusters {
  const { vocabulary, weights } = learnWords(texts);
  const vectors = texts.map((words) => toVector(words, vocabulary, weights));
  const known = vectors.filter(({ places }) => places.length > 0);
  const fits = CLUSTER_COUNTS.filter((count) => count <= known.length / 2).map((count) => {
    const centroids = kMeans(known, count, vocabulary.size);
    return { centroids, silhouette: silhouetteOf(known, centroids) };
  });
  const best = fits.reduce<(typeof fits)[number] | null>(
    (found, fit) => (found === null || fit.silhouette > found.silhouette ? fit : found),
    null,
  );
  const centroids = best?.centroids ?? [new Float64Array(vocabulary.size)];
  // Texts with few kinds give the same clusters however many are asked for.
  const tried = fits
    .map(({ centroids: { length }, silhouette }) => ({ clusterCount: length, silhouette }))
    .filter(({ clusterCount }, index, all) => all.findIndex((fit) => fit.clusterCount === clusterCount) === index);
  return { vocabulary, weights, centroids, words: distinctiveWords(centroids, vocabulary), tried };
}

/** Index of the cluster that a text is nearest to; of equal ones the first. */
export function nearestCluster({ vocabulary, weights, centroids }: TextClusters, words: WordCounts): number {
  return nearest(toVector(words, vocabulary, weights), centroids).first;
}

function learnWords(texts: readonly WordCounts[]): Pick<TextClusters, 'vocabulary' | 'weights'> {
  const frequency = new Map<string, number>();
  for (const words of texts) for (const word of words.keys()) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  const least = Math.min(LEAST_TEXTS, texts.length);
  const frequent = [...frequency]
    .filter(([, count]) => count >= least)
    .sort(([left, a], [right, b]) => b - a || (left < right ? -1 : 1))
    .slice(0, MOST_WORDS);
  return {
    vocabulary: new Map(frequent.map(([word], place) => [word, place])),
    weights: Float64Array.from(frequent, ([, count]) => Math.log(1 + texts.length / count)),
  };
}

function toVector(words: WordCounts, vocabulary: ReadonlyMap<string, number>, weights: Float64Array): SparseVector {
  const found = [...words]
    .flatMap(([word, count]): [number, number][] => {
      const place = vocabulary.get(word);
      return place === undefined ? [] : [[place, (1 + Math.log(count)) * weights[place]!]];
    })
    .sort(([left], [right]) => left - right);
  const length = Math.sqrt(found.reduce((sum, [, value]) => sum + value * value, 0));
  return {
    places: Uint32Array.from(found, ([place]) => place),
    values: Float64Array.from(found, ([, value]) => value / length),
  };
}

function cosine({ places, values }: SparseVector, centroid: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < places.length; index += 1) sum += values[index]! * centroid[places[index]!]!;
  return sum;
}

function nearest(
  vector: SparseVector,
  centroids: readonly Float64Array[],
): { first: number; cosine: number; second: number } {
  let [first, best, second] = [0, -Infinity, -Infinity];
  for (const [index, centroid] of centroids.entries()) {
    const similarity = cosine(vector, centroid);
    if (similarity > best) [first, best, second] = [index, similarity, best];
    else if (similarity > second) second = similarity;
  }
  return { first, cosine: best, second };
}

/** Centroids that still have vectors, those of fewer than {@link LEAST_SHARE} of them left out. */
function kMeans(vectors: readonly SparseVector[], clusterCount: number, wordCount: number): Float64Array[] {
  let centroids = spreadCentroids(vectors, clusterCount, wordCount);
  let assigned = new Int32Array(0);
  let sizes = new Float64Array(0);
  for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
    const next = Int32Array.from(vectors, (vector) => nearest(vector, centroids).first);
    if (assigned.length > 0 && next.every((cluster, index) => cluster === assigned[index])) break;
    assigned = next;
    sizes = new Float64Array(clusterCount);
    const sums = centroids.map(() => new Float64Array(wordCount));
    for (const [index, { places, values }] of vectors.entries()) {
      const sum = sums[assigned[index]!]!;
      sizes[assigned[index]!]! += 1;
      for (let word = 0; word < places.length; word += 1) sum[places[word]!]! += values[word]!;
    }
    centroids = sums.map(normalise);
  }
  const least = Math.max(1, LEAST_SHARE * vectors.length);
  const kept = centroids.filter((_, cluster) => sizes[cluster]! >= least);
  return kept.length > 0 ? kept : centroids.slice(0, 1);
}

/** k-means++: each next centroid is a vector drawn with probability ∝ its distance to the nearest one so far. */
function spreadCentroids(vectors: readonly SparseVector[], clusterCount: number, wordCount: number): Float64Array[] {
  const random = createRandom('text-clusters', clusterCount);
  const centroids: Float64Array[] = [];
  const distances = new Float64Array(vectors.length).fill(1);
  while (centroids.length < clusterCount) {
    const total = distances.reduce((sum, distance) => sum + distance, 0);
    const goal = random.uniform() * total;
    let seen = 0;
    const drawn = distances.findIndex((distance) => (seen += distance) > goal && distance > 0);
    const { places, values } = vectors[Math.max(0, drawn)]!;
    const centroid = new Float64Array(wordCount);
    places.forEach((place, index) => (centroid[place] = values[index]!));
    centroids.push(centroid);
    vectors.forEach((vector, index) => {
      distances[index] = Math.min(distances[index]!, Math.max(0, 1 - cosine(vector, centroid)));
    });
  }
  return centroids;
}

function normalise(vector: Float64Array): Float64Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? vector : vector.map((value) => value / length);
}

function silhouetteOf(vectors: readonly SparseVector[], centroids: readonly Float64Array[]): number {
  if (centroids.length < 2) return 0;
  const total = vectors.reduce((sum, vector) => {
    const { cosine: own, second } = nearest(vector, centroids);
    const [a, b] = [Math.max(0, 1 - own), Math.max(0, 1 - second)];
    return b === 0 ? sum : sum + (b - a) / Math.max(a, b);
  }, 0);
  return total / vectors.length;
}

/** The words whose weight in a centroid is highest above their mean over all. */
function distinctiveWords(centroids: readonly Float64Array[], vocabulary: ReadonlyMap<string, number>): string[][] {
  const words = [...vocabulary.keys()];
  const mean = words.map((_, word) => centroids.reduce((sum, centroid) => sum + centroid[word]!, 0) / centroids.length);
  return centroids.map((centroid) =>
    words
      .map((word, place): [string, number] => [word, centroid[place]! - mean[place]!])
      .filter(([, excess]) => excess > 0)
      .sort(([, left], [, right]) => right - left)
      .slice(0, 3)
      .map(([word]) => word),
  );
}
