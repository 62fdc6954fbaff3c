// Bytes of one layer: what it keeps for the backward pass, and what it needs while it is at work.
import { GROUP_TOKENS, MAX_ATTENTION_TABLE, MAX_LOGITS } from './bounds.ts';
import type { MemoryQuestion } from './memory-question.ts';
import type { ModelSizes } from './model-sizes.ts';

/** Bytes of a decoder layer's attention table: kept where it is formed whole, formed in blocks where it is large. */
export function attentionTable({ sizes, engine, batch, valueBytes }: MemoryQuestion): {
  kept: number;
  formed: number;
} {
  const values = batch.rowCount * sizes.headCount * batch.tokenCount ** 2;
  // torch's fused attention forms none.
  if (engine === 'torch') return { kept: 0, formed: 0 };
  const isWhole = values <= MAX_ATTENTION_TABLE;
  return { kept: isWhole ? valueBytes * values : 0, formed: valueBytes * Math.min(values, MAX_ATTENTION_TABLE) };
}

/** Rows of the last layer behind its attention: those that are supervised. */
function lastRows({ batch: { rowCount, tokenCount, supervisedCount } }: MemoryQuestion): number {
  return Math.min(rowCount * tokenCount, supervisedCount ?? Infinity);
}

/**
 * What a layer keeps, its table of attention apart: norms, queries, keys, values and mixed heads, four widths of the
 * MLP, low-rank halves.
 */
export function keptBytes(question: MemoryQuestion, isLast: boolean): number {
  const { sizes, adapter, batch, valueBytes, engine } = question;
  const { hidden, query, key, inner } = sizes;
  const tokens = batch.rowCount * batch.tokenCount;
  const low = (adapter?.rank ?? 0) * (adapter?.targets.length ?? 0);
  const before = 2 * hidden + query + 2 * key + low + (engine === 'torch' ? 2 * query : 0);
  const behind = query + 2 * hidden + 4 * inner;
  return valueBytes * (tokens * before + (isLast && engine !== 'torch' ? lastRows(question) : tokens) * behind);
}

/** What a layer's input takes. */
export function inputBytes({ sizes, batch, valueBytes }: MemoryQuestion): number {
  return valueBytes * batch.rowCount * batch.tokenCount * sizes.hidden;
}

/** What a forward pass of a layer forms beside what it keeps. */
export function forwardBytes(question: MemoryQuestion): number {
  const { sizes, batch, valueBytes, engine } = question;
  const { hidden, query, key, inner } = sizes;
  const tokens = batch.rowCount * batch.tokenCount;
  if (engine === 'torch') return valueBytes * tokens * (4 * hidden + 2 * query + 2 * inner);
  const values = 9 * hidden + 8 * query + 10 * key + 5 * inner;
  return valueBytes * tokens * values + 2 * attentionTable(question).formed;
}

/** What a backward pass of a layer forms: gradients of its widths, four tables of attention. */
export function backwardBytes(question: MemoryQuestion): number {
  const { sizes, batch, valueBytes, engine } = question;
  const { hidden, query, key, inner } = sizes;
  const tokens = batch.rowCount * batch.tokenCount;
  if (engine === 'torch') return valueBytes * tokens * (4 * hidden + 4 * query + 4 * inner);
  const mlp = 12 * hidden + 9 * inner;
  const attention = 8 * hidden + 8 * query + 8 * key;
  return valueBytes * tokens * Math.max(mlp, attention) + 4 * attentionTable(question).formed;
}

/** What the head forms of the supervised tokens: three tables of logits, in pieces. */
export function headBytes(question: MemoryQuestion): number {
  const { sizes, batch, engine } = question;
  const supervised = Math.min(batch.supervisedCount ?? Infinity, batch.rowCount * batch.tokenCount);
  const values = supervised * sizes.vocabularySize;
  return 4 * 3 * (engine === 'torch' ? values : Math.min(values, Math.max(MAX_LOGITS, sizes.vocabularySize)));
}

/** What the tower forms of the pictures that are encoded together. */
export function pictureBytes({ tower }: ModelSizes, valueBytes: number): number {
  if (tower === null) return 0;
  const { vectorCount, hidden, inner, headCount } = tower;
  const tokens = Math.max(1, Math.floor(GROUP_TOKENS / vectorCount)) * vectorCount;
  const table = Math.min(MAX_ATTENTION_TABLE, tokens * vectorCount * headCount);
  const attention = 20 * tokens * hidden + 2 * table;
  const mlp = tokens * (10 * inner + 3 * hidden);
  return valueBytes * Math.max(attention, mlp);
}
