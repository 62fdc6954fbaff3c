// Gradients of one micro-batch as rows of the gradient table.
import { encodeInt8 } from '../../algorithms/encoding.ts';
import type { GradientsConfig } from '../../contracts/config.ts';
import { NumericalError } from '../../contracts/failures.ts';
import type { Reason } from '../../contracts/reasons.ts';
import type { GradientComputer, ModelExample } from '../../model/engine.ts';
import { hashColumn } from '../../tables/hash-column.ts';
import type { GradientRows } from '../../tables/gradients.ts';
import type { UsableRow } from '../../tables/rows.ts';

/**
 * Rows of the gradient table for one micro-batch. A row whose numbers are not finite or whose gradient is zero keeps
 * its place with a reason and a gradient of zeros.
 *
 * @throws NumericalError where no row of the micro-batch is finite
 */
export async function gradientRows(
  computer: GradientComputer,
  storage: GradientsConfig['storage'],
  rows: readonly UsableRow[],
  examples: readonly ModelExample[],
): Promise<GradientRows> {
  const { sketch: width } = computer;
  const { loss, supervisedTokenCount, gradientNorm, el2n, sketch } = await computer.compute(examples);
  const reason = rows.map((_, row) => reasonOf(loss[row]!, gradientNorm[row]!));
  refuseAllBad(rows, reason);
  for (const [row, bad] of reason.entries()) if (bad !== null) sketch.fill(0, row * width, (row + 1) * width);
  const encoded = storage === 'int8' ? encodeInt8(sketch, width) : null;
  return {
    rowCount: rows.length,
    rowIndex: Uint32Array.from(rows, ({ rowIndex }) => rowIndex),
    contentHash: hashColumn(rows.map(({ contentHash }) => contentHash)),
    task: rows.map(({ task }) => task),
    loss,
    supervisedTokenCount,
    gradientNorm,
    el2n,
    gradient: encoded?.codes ?? sketch,
    gradientScale: encoded?.scales ?? new Float64Array(rows.length).fill(1),
    reason,
  };
}

function reasonOf(loss: number, norm: number): Reason | null {
  if (!Number.isFinite(loss)) return 'loss_not_finite';
  if (!Number.isFinite(norm)) return 'gradient_not_finite';
  return norm === 0 ? 'gradient_zero' : null;
}

function refuseAllBad(rows: readonly UsableRow[], reasons: readonly (Reason | null)[]): void {
  if (rows.length < 2 || !reasons.every((reason) => reason === 'loss_not_finite' || reason === 'gradient_not_finite'))
    return;
  throw new NumericalError(
    `micro-batch ${rows[0]!.microBatch}: losses and gradients must be finite, got none of ${rows.length} rows from row ${rows[0]!.rowIndex}; ` +
      'the model or the adapter is broken: lower warmup.learning_rate',
  );
}
