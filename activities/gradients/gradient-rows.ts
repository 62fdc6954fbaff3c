// Gradients of one micro-batch as rows of the gradient table.
import { encodeInt8 } from '../../algorithms/encoding.ts';
import type { GradientsConfig } from '../../contracts/config.ts';
import { NumericalError } from '../../contracts/failures.ts';
import type { Reason } from '../../contracts/reasons.ts';
import type { GradientComputer, ModelExample } from '../../model/engine.ts';
import { hashColumn } from '../../tables/hash-column.ts';
import type { GradientRows } from '../../tables/gradients.ts';
import type { UsableRow } from '../../tables/rows.ts';
import type { EarlierLosses } from './earlier-losses.ts';

/**
 * Rows of the gradient table for one micro-batch. A row whose numbers are not finite or whose gradient is zero keeps
 * its place with a reason and a gradient of zeros.
 *
 * @param earlier losses at the checkpoints before the reference model's own; null for no column of them
 * @throws NumericalError where no row of the micro-batch is finite
 */
export async function gradientRows(
  computer: GradientComputer,
  storage: GradientsConfig['storage'],
  rows: readonly UsableRow[],
  examples: readonly ModelExample[],
  earlier: EarlierLosses | null = null,
): Promise<GradientRows> {
  const { sketch: width } = computer;
  const { loss, supervisedTokenCount, gradientNorm, el2n, sketch } = await computer.compute(examples);
  const trajectory = earlier === null ? [] : [...(await earlier.score(examples)), loss];
  const reason = rows.map((_, row) =>
    reasonOf(
      [loss, ...trajectory].map((losses) => losses[row]!),
      gradientNorm[row]!,
    ),
  );
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
    ...(earlier === null ? {} : { lossTrajectory: byRow(trajectory, rows.length) }),
  };
}

/** `[checkpoint][row]` → `[row, checkpoint]`. */
function byRow(columns: readonly Float64Array[], rowCount: number): Float32Array {
  const width = columns.length;
  return Float32Array.from(
    { length: rowCount * width },
    (_, place) => columns[place % width]![Math.floor(place / width)]!,
  );
}

function reasonOf(losses: readonly number[], norm: number): Reason | null {
  if (!losses.every(Number.isFinite)) return 'loss_not_finite';
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
