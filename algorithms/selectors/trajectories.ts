// The selector `trajectories`.
import { drawUniform } from './draws.ts';
import type { Selector } from './selector.ts';
import { takeTurns } from './turns.ts';

/**
 * S2L within a task: as many rows of each cluster of loss trajectories as of any other, drawn evenly within it. A
 * cluster that is smaller than its share is taken whole, and the rest of its share goes to the larger ones; so does
 * what cannot be shared out evenly. The order takes turns, the largest cluster first in each, which gives for any
 * budget the counts of sharing out from the smallest cluster on: share k is ⌊(budget − taken) / (clusters left)⌋.
 *
 * Differs: the released code leaves clusters of one or two rows to the last.
 * @see arXiv:2403.07384
 */
export const trajectories: Selector<'trajectories'> = (request) => {
  const { trajectory_cluster: cluster } = request.columns;
  const { position, probability } = drawUniform(request);
  const { turn, sizes } = takeTurns(position, cluster);
  const sizeOf = (place: number): number => sizes.get(cluster[position[place]!]!)!;
  const order = Uint32Array.from(position.keys()).sort(
    (left, right) => turn[left]! - turn[right]! || sizeOf(right) - sizeOf(left) || left - right,
  );
  return { position: order.map((place) => position[place]!), probability };
};
