// Clusters of loss trajectories over a gradient table.
import { groupByTask } from '../../algorithms/group-rows.ts';
import { contentOrder } from '../../algorithms/sampling.ts';
import { clusterTrajectories } from '../../algorithms/trajectory-clusters.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { Store } from '../../store/store.ts';
import type { GradientTable } from '../../tables/gradients.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { valuedGradients } from './values-columns.ts';
import type { ValuedRows } from './values-columns.ts';

/** Losses at fewer checkpoints are no trajectory. */
const LEAST_CHECKPOINTS = 2;

/**
 * [example] number of the cluster within the task. All rows are clustered, in the order of their contents. Memory: the
 * losses, 4 bytes a row and checkpoint, twice.
 *
 * @throws InvalidConfigError where the table has no losses at several checkpoints
 */
export async function clusterLosses(
  store: Store,
  table: GradientTable,
  rows: ValuedRows,
  names: readonly string[],
  { wanted, seed }: { wanted: number; seed: number },
  pulse: Pulse,
): Promise<Uint32Array> {
  const { trajectory: width = 0 } = table;
  if (width < LEAST_CHECKPOINTS)
    throw new InvalidConfigError(
      `selection.method: trajectories needs losses at ${LEAST_CHECKPOINTS} checkpoints or more, got ${width} in the ` +
        'table of gradients; set warmup.trajectory, and run the recipe anew',
    );
  const losses = new Float32Array(rows.rowIndex.length * width);
  for await (const { batch, places } of valuedGradients(store, table, rows.contentHash)) {
    const { lossTrajectory } = batch;
    for (const [row, place] of places.entries())
      if (place >= 0) losses.set(lossTrajectory!.subarray(row * width, (row + 1) * width), place * width);
    await pulse.pause();
  }
  const cluster = new Uint32Array(rows.rowIndex.length);
  for (const [task, group] of groupByTask(rows.taskIndex, names.length).entries()) {
    const order = contentOrder(rows, group);
    const own = new Float32Array(order.length * width);
    for (const [place, row] of order.entries()) own.set(losses.subarray(row * width, (row + 1) * width), place * width);
    const stream = `select/trajectories/${names[task]!}`;
    const found = clusterTrajectories({ losses: own, checkpointCount: width }, wanted, { stream, seed });
    for (const [place, row] of order.entries()) cluster[row] = found[place]!;
    await pulse.pause();
  }
  return cluster;
}
