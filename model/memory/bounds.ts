// Bounds of what the TensorFlow engine forms at once: they decide over bits, so they follow from shapes alone.

/** Values of an attention table that are formed at once: 64 MiB of float32. Larger tables go in blocks of queries. */
export const MAX_ATTENTION_TABLE = 2 ** 24;

/** Logits that are formed at once: 64 MiB of float32. Longer batches go through the head in pieces. */
export const MAX_LOGITS = 2 ** 24;

/** Vision tokens that are encoded together: small towers need a batch to be fast, large ones do not. */
export const GROUP_TOKENS = 1024;

/** Values of an adapter's layers up to which they are merged with it: 64 MiB of float32. */
export const MAX_MERGED = 2 ** 24;

/**
 * Values up to which what a micro-batch keeps, and a model's weights, go into a graph: 256 MiB of float32. Larger ones
 * go operation by operation, where calls cost little beside the work.
 */
export const MAX_GRAPH_VALUES = 2 ** 26;
