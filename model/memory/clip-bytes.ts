// Bytes that videos and sounds take on their way through a model's towers.
import type { ClipVectors, RowClipVectors } from '../../contracts/clips.ts';

/** What videos and sounds of a model go through; null for a kind that it does not take. */
export interface ClipTowers {
  video: ClipTower | null;
  audio: ClipTower | null;
}

/** A tower's widths, in values a vector. Its weights are frozen, so a layer keeps nothing for the backward pass. */
export interface ClipTower {
  hidden: number;
  /** Inside the MLP, and whether it has a gate beside. */
  inner: number;
  isGated: boolean;
  /** Of the pixels or the frames of a spectrogram that become one vector. */
  input: number;
  /** Of all that the processor holds while it makes them. */
  prepared: number;
  /** Of the widest convolution before the layers; 0 for one that is as wide as they are. */
  stem: number;
  /** Layers whose outputs are kept until the last one's. */
  keptLayerCount: number;
  /** Places that attend to one another, and those that they see; null where all see all, which forms no table. */
  local: { chunk: number; context: number; headCount: number } | null;
}

/** Vectors of videos and of sounds a token of rows: a budget of tokens is one of vectors. */
export type ClipDensity = ClipVectors;

/** What processors make. */
const FLOAT32_BYTES = 4;

/** Tables of a layer's width at the end of its attention: input, norm, queries, keys and values before and after their
 * rotation, mixed heads in parts and together, output. */
const ATTENTION_TABLES = 10;

/** A convolution's output as it is, normed and behind its activation. */
const STEM_TABLES = 3;

/** Vectors of rows that are computed together: each sound is padded to the longest. */
export function clipVectorsOf(rows: readonly RowClipVectors[]): ClipVectors {
  const sounds = rows.flatMap((row) => row.sounds);
  return {
    videos: rows.reduce((sum, { videos }) => sum + videos, 0),
    sounds: sounds.length * sounds.reduce((most, count) => Math.max(most, count), 0),
  };
}

/** The most of each kind; null of none. */
export function mostVectors(found: readonly ClipVectors[]): ClipVectors | null {
  if (found.length === 0) return null;
  return {
    videos: Math.max(...found.map(({ videos }) => videos)),
    sounds: Math.max(...found.map(({ sounds }) => sounds)),
  };
}

/** What clips take outside of the towers: those of this micro-batch, and the next one's, which is prepared beside. */
export function clipInputBytes(towers: ClipTowers, { videos, sounds }: ClipVectors): number {
  const values = (tower: ClipTower | null): number => (tower === null ? 0 : tower.input + tower.prepared);
  return FLOAT32_BYTES * (videos * values(towers.video) + sounds * values(towers.audio));
}

/** What the tower forms that needs most; one is at work after the other. */
export function clipTowerBytes(towers: ClipTowers, { videos, sounds }: ClipVectors, valueBytes: number): number {
  return valueBytes * Math.max(videos * workingValues(towers.video), sounds * workingValues(towers.audio));
}

/** Values a vector of the layer at work, or of the convolutions before, and of what is kept beside. */
function workingValues(tower: ClipTower | null): number {
  if (tower === null) return 0;
  const { hidden, inner, isGated, stem, keptLayerCount } = tower;
  // The layer's input, that of the MLP, its norm; what the MLP forms.
  const mlp = 3 * hidden + (isGated ? 3 : 2) * inner;
  return Math.max(attentionValues(tower), mlp, STEM_TABLES * stem) + keptLayerCount * hidden;
}

/** Of chunks: input, norms, queries twice, mixed heads; keys and values with what they see, one twice; four tables. */
function attentionValues({ hidden, local }: ClipTower): number {
  if (local === null) return ATTENTION_TABLES * hidden;
  const { chunk, context, headCount } = local;
  return (6 + (3 * context) / chunk) * hidden + 4 * headCount * context;
}
