// Gradients of one micro-batch as rows of the gradient table.
import { encodeInt8 } from '../../algorithms/encoding.ts';
import type { Projector } from '../../algorithms/projection.ts';
import type { GradientsConfig } from '../../contracts/config.ts';
import { NumericalError } from '../../contracts/failures.ts';
import type { Reason } from '../../contracts/reasons.ts';
import type { Adapter, ParameterPlace } from '../../model/adapter.ts';
import { exampleGradients } from '../../model/tensorflow/example-gradients.ts';
import type { LoadedModel } from '../../model/tensorflow/load-model.ts';
import type { ModelExample } from '../../model/tensorflow/micro-batch.ts';
import { hashColumn } from '../../tables/content-hash.ts';
import type { GradientRows } from '../../tables/gradients.ts';
import type { UsableRow } from '../../tables/rows.ts';

/** What turns a micro-batch of rows into rows of the gradient table. */
export interface GradientComputer {
  model: LoadedModel;
  adapter: Adapter;
  places: readonly ParameterPlace[];
  projector: Projector;
  storage: GradientsConfig['storage'];
}

/**
 * Rows of the gradient table for one micro-batch. A row whose numbers are not finite or whose gradient is zero keeps its
 * place with a reason and a gradient of zeros.
 *
 * Differs: pieces of a gradient are projected in the order in which the backward pass meets them, last layer first, since
 * keeping whole gradients would need the memory of all parameters for every example.
 *
 * @throws NumericalError where no row of the micro-batch is finite
 */
export function gradientRows(
  computer: GradientComputer,
  rows: readonly UsableRow[],
  examples: readonly ModelExample[],
): GradientRows {
  const { model, adapter, places, projector, storage } = computer;
  const { sketch } = projector;
  const sums = new Float64Array(rows.length * sketch);
  const squares = new Float64Array(rows.length);
  const scalars = exampleGradients(model, adapter, places, examples, (example, start, values) => {
    let sum = 0;
    for (const value of values) sum += value * value;
    squares[example]! += sum;
    projector.add(start, values, sums, example * sketch);
  });
  const reasons = scalars.map(({ loss }, example) => reasonOf(loss, squares[example]!));
  refuseAllBad(rows, reasons);
  reasons.forEach((reason, example) => {
    if (reason !== null) sums.fill(0, example * sketch, (example + 1) * sketch);
  });
  const gradient = Float32Array.from(sums);
  const encoded = storage === 'int8' ? encodeInt8(gradient, sketch) : null;
  return {
    rowCount: rows.length,
    rowIndex: Uint32Array.from(rows, ({ rowIndex }) => rowIndex),
    contentHash: hashColumn(rows.map(({ contentHash }) => contentHash)),
    task: rows.map(({ task }) => task),
    loss: Float64Array.from(scalars, ({ loss }) => loss),
    supervisedTokenCount: Uint32Array.from(scalars, ({ supervisedTokenCount }) => supervisedTokenCount),
    gradientNorm: squares.map(Math.sqrt),
    el2n: Float64Array.from(scalars, ({ el2n }) => el2n),
    gradient: encoded?.codes ?? gradient,
    gradientScale: encoded?.scales ?? new Float64Array(rows.length).fill(1),
    reason: reasons,
  };
}

function reasonOf(loss: number, square: number): Reason | null {
  if (!Number.isFinite(loss)) return 'loss_not_finite';
  if (!Number.isFinite(square)) return 'gradient_not_finite';
  return square === 0 ? 'gradient_zero' : null;
}

function refuseAllBad(rows: readonly UsableRow[], reasons: readonly (Reason | null)[]): void {
  if (rows.length < 2 || !reasons.every((reason) => reason === 'loss_not_finite' || reason === 'gradient_not_finite'))
    return;
  throw new NumericalError(
    `micro-batch ${rows[0]!.microBatch}: losses and gradients must be finite, got none of ${rows.length} rows from row ${rows[0]!.rowIndex}; ` +
      'the model or the adapter is broken: lower warmup.learning_rate',
  );
}
