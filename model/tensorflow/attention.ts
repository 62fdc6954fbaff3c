// Attention of heads that lie together: whole, or in blocks of query rows where its table would be large.
import * as tf from '@tensorflow/tfjs';

/** Queries, keys and values of one layer; what is one head here may be the heads of a group that share a key. */
export interface AttentionInput {
  /** `[head, query, headDimension]`, scaled by 1 / √headDimension */
  query: tf.Tensor3D;
  /** `[head, token, headDimension]`, as `value` */
  key: tf.Tensor3D;
  value: tf.Tensor3D;
}

/** Rows of queries whose table is formed together. Follows from shapes alone, since it decides over bits. */
export interface QueryBlock {
  start: number;
  end: number;
  /** Added to the scores: `[1, end − start, token]`, or null where all tokens are seen. */
  mask: tf.Tensor3D | null;
}

/** Rows of a block: all of them where the whole table is small. */
export function queryBlockSize(headCount: number, queryCount: number, tokenCount: number, maxTable: number): number {
  if (headCount * queryCount * tokenCount <= maxTable) return queryCount;
  return Math.max(1, Math.floor(maxTable / (headCount * tokenCount)));
}

/** Blocks of queries that see all tokens. */
export function openBlocks(headCount: number, queryCount: number, tokenCount: number, maxTable: number): QueryBlock[] {
  const size = queryBlockSize(headCount, queryCount, tokenCount, maxTable);
  return Array.from({ length: Math.ceil(queryCount / size) }, (_, index) => ({
    start: index * size,
    end: Math.min(queryCount, (index + 1) * size),
    mask: null,
  }));
}

/** softmax(query · keyᵀ + mask) of one block: `[head, end − start, token]`. */
function tableOf({ query, key }: AttentionInput, { mask }: QueryBlock): tf.Tensor3D {
  const scores = tf.matMul(query, key, false, true);
  return tf.softmax(mask === null ? scores : tf.add(scores, mask)) as tf.Tensor3D;
}

function rowsOf(x: tf.Tensor3D, { start, end }: Pick<QueryBlock, 'start' | 'end'>): tf.Tensor3D {
  return tf.slice(x, [0, start, 0], [x.shape[0], end - start, x.shape[2]]);
}

/**
 * Values mixed by attention, `[head, query, headDimension]`, and the table where it was formed whole. Differentiable.
 *
 * @param blocks of all queries, in order
 */
export function attend(
  input: AttentionInput,
  blocks: readonly QueryBlock[],
): { mixed: tf.Tensor3D; table: tf.Tensor3D | null } {
  if (blocks.length === 1) {
    const table = tableOf(input, blocks[0]!);
    return { mixed: tf.matMul(table, input.value), table };
  }
  const parts = blocks.map((block) =>
    tf.tidy(() => tf.matMul<tf.Tensor3D>(tableOf({ ...input, query: rowsOf(input.query, block) }, block), input.value)),
  );
  return { mixed: tf.concat3d(parts, 1), table: null };
}

/** Gradients of {@link attend}; a table that was not formed whole is formed again, block by block. */
export function attendBackward(
  dMixed: tf.Tensor3D,
  input: AttentionInput,
  table: tf.Tensor3D | null,
  blocks: readonly QueryBlock[],
): { dQuery: tf.Tensor3D; dKey: tf.Tensor3D; dValue: tf.Tensor3D } {
  if (table !== null) return blockBackward(dMixed, input, table);
  const dQueries: tf.Tensor3D[] = [];
  let [dKey, dValue] = [tf.zerosLike(input.key), tf.zerosLike(input.value)];
  for (const block of blocks) {
    const before = { dKey, dValue };
    const sums = inTidy(() => {
      const rows = { ...input, query: rowsOf(input.query, block) };
      const part = blockBackward(rowsOf(dMixed, block), rows, tableOf(rows, block));
      return {
        ...part,
        dKey: tf.add<tf.Tensor3D>(before.dKey, part.dKey),
        dValue: tf.add<tf.Tensor3D>(before.dValue, part.dValue),
      };
    });
    tf.dispose([before.dKey, before.dValue]);
    dQueries.push(sums.dQuery);
    ({ dKey, dValue } = sums);
  }
  return { dQuery: tf.concat3d(dQueries, 1), dKey, dValue };
}

function blockBackward(
  dMixed: tf.Tensor3D,
  { query, key, value }: AttentionInput,
  table: tf.Tensor3D,
): { dQuery: tf.Tensor3D; dKey: tf.Tensor3D; dValue: tf.Tensor3D } {
  const dScores = tf.tidy(() => {
    const weighted = tf.mul(tf.matMul(dMixed, value, false, true), table);
    return tf.sub(weighted, tf.mul(table, tf.sum(weighted, -1, true))) as tf.Tensor3D;
  });
  return {
    dQuery: tf.matMul(dScores, key),
    dKey: tf.matMul(dScores, query, true, false),
    dValue: tf.matMul(table, dMixed, true, false),
  };
}

/** `tf.tidy` of an object of tensors, which its type does not take. */
export function inTidy<Result extends object>(make: () => Result): Result {
  return tf.tidy(() => make() as unknown as tf.TensorContainer) as unknown as Result;
}
