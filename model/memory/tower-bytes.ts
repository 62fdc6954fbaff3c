// Bytes that pictures, videos and sounds take on their way through a model's towers.
import type { RowVectors, TowerVectors } from '../../contracts/tower-vectors.ts';

/** What pictures, videos and sounds of a model go through; null for a kind that it does not take, or is not counted. */
export interface Towers {
  image: Tower | null;
  video: Tower | null;
  audio: Tower | null;
}

/** A tower's widths, in values a vector. Its weights are frozen, so a layer keeps nothing for the backward pass. */
export interface Tower {
  hidden: number;
  /** Inside the MLP, and tables of this width that are there at once: two, three with a gate beside. */
  inner: number;
  innerTableCount: number;
  /** Of the pixels or the frames of a spectrogram that become one vector. */
  input: number;
  /** Of all that the processor holds while it makes them. */
  prepared: number;
  /** Of the widest convolution before the layers, or of what every vector becomes behind them; 0 for none that is wider
   * than these. */
  stem: number;
  /** Tables of the layers' width that are kept beside the input of the last one, where earlier outputs are kept. */
  keptLayerCount: number;
  /** Places that attend to one another, and those that they see; null where all see all, which forms no table. */
  local: { chunk: number; context: number; headCount: number } | null;
}

/** Vectors of each kind a token of rows: a budget of tokens is one of vectors. */
export type VectorDensity = TowerVectors;

/** What processors make. */
const FLOAT32_BYTES = 4;

/** Tables of a layer's width at the end of its attention: input, norm, queries, keys and values before and after their
 * rotation, mixed heads in parts and together, output. */
const ATTENTION_TABLES = 10;

/** A convolution's output as it is, normed and behind its activation. */
const STEM_TABLES = 3;

/** Vectors of rows that are computed together: each sound is padded to the longest. */
export function vectorsOf(rows: readonly RowVectors[]): TowerVectors {
  const sounds = rows.flatMap((row) => row.sounds);
  return {
    pictures: rows.reduce((sum, { pictures }) => sum + pictures, 0),
    videos: rows.reduce((sum, { videos }) => sum + videos, 0),
    sounds: sounds.length * sounds.reduce((most, count) => Math.max(most, count), 0),
  };
}

/** The most of each kind; null of none. */
export function mostVectors(found: readonly TowerVectors[]): TowerVectors | null {
  if (found.length === 0) return null;
  return {
    pictures: Math.max(...found.map(({ pictures }) => pictures)),
    videos: Math.max(...found.map(({ videos }) => videos)),
    sounds: Math.max(...found.map(({ sounds }) => sounds)),
  };
}

/**
 * What pictures and clips take outside of the towers: those of this micro-batch, and the next one's, which is prepared
 * beside.
 */
export function towerInputBytes(
  towers: Towers,
  { pictures, videos, sounds }: TowerVectors,
): { pictures: number; clips: number } {
  const bytes = (count: number, tower: Tower | null): number =>
    tower === null ? 0 : FLOAT32_BYTES * count * (tower.input + tower.prepared);
  return { pictures: bytes(pictures, towers.image), clips: bytes(videos, towers.video) + bytes(sounds, towers.audio) };
}

/** What the tower forms that needs most; one is at work after the other. */
export function towerBytes(towers: Towers, vectors: TowerVectors, valueBytes: number): number {
  const values = [
    vectors.pictures * workingValues(towers.image),
    vectors.videos * workingValues(towers.video),
    vectors.sounds * workingValues(towers.audio),
  ];
  return valueBytes * Math.max(...values);
}

/** Values a vector of the layer at work, or of the convolutions before, and of what is kept beside. */
function workingValues(tower: Tower | null): number {
  if (tower === null) return 0;
  const { hidden, inner, innerTableCount, stem, keptLayerCount } = tower;
  // The layer's input, that of the MLP, its norm; what the MLP forms.
  const mlp = 3 * hidden + innerTableCount * inner;
  return Math.max(attentionValues(tower), mlp, STEM_TABLES * stem) + keptLayerCount * hidden;
}

/** Of chunks: input, norms, queries twice, mixed heads; keys and values with what they see, one twice; four tables. */
function attentionValues({ hidden, local }: Tower): number {
  if (local === null) return ATTENTION_TABLES * hidden;
  const { chunk, context, headCount } = local;
  return (6 + (3 * context) / chunk) * hidden + 4 * headCount * context;
}
