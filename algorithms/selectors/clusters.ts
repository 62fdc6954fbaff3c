// The selector `clusters`.
import { drawUniform } from './draws.ts';
import type { Selector } from './selector.ts';
import { takeTurns } from './turns.ts';

/**
 * As many rows of each cluster as of any other, drawn evenly within it; a cluster that runs out leaves its turn to the
 * others. The order takes turns: of each round, rows come as they were drawn.
 */
export const clusters: Selector<'clusters'> = (request) => {
  const { cluster } = request.columns;
  const { position, probability } = drawUniform(request);
  const { turn } = takeTurns(position, cluster);
  const order = Uint32Array.from(position.keys()).sort((left, right) => turn[left]! - turn[right]! || left - right);
  return { position: order.map((place) => position[place]!), probability };
};
