// The turns that groups of rows take, each giving one row a turn.

/** Of rows in the order in which they were drawn. */
export interface Turns {
  /** [place] turn in which the row comes: how many rows of its group were drawn before it. */
  turn: Uint32Array;
  /** Rows of each group. */
  sizes: ReadonlyMap<number, number>;
}

/** @param position [place] row; @param group [row] its group */
export function takeTurns(position: Uint32Array, group: Uint32Array): Turns {
  const sizes = new Map<number, number>();
  const turn = Uint32Array.from(position, (row) => {
    const before = sizes.get(group[row]!) ?? 0;
    sizes.set(group[row]!, before + 1);
    return before;
  });
  return { turn, sizes };
}
