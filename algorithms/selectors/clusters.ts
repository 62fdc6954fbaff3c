// The selector `clusters`.
import { drawUniform } from './draws.ts';
import type { Selector } from './selector.ts';

/**
 * As many rows of each cluster as of any other, drawn evenly within it; a cluster that runs out leaves its turn to the
 * others. The order takes turns: of each round, rows come as they were drawn.
 */
export const clusters: Selector<'clusters'> = (request) => {
  const { cluster } = request.columns;
  const { position, probability } = drawUniform(request);
  const taken = new Map<number, number>();
  const round = Uint32Array.from(position, (row) => {
    const before = taken.get(cluster[row]!) ?? 0;
    taken.set(cluster[row]!, before + 1);
    return before;
  });
  const order = Uint32Array.from(position.keys()).sort((left, right) => round[left]! - round[right]! || left - right);
  return { position: order.map((place) => position[place]!), probability };
};
