// Work on micro-batches in order, where the next ones may be begun before one is done.

/** How items become results. */
export interface AheadSteps<Item, Loaded, Result> {
  /** One at a time, in order. */
  load: (item: Item) => Promise<Loaded>;
  /** Begun in order. */
  work: (item: Item, loaded: Loaded) => Promise<Result>;
  /** Items that may be begun before one is done; with 0 each waits for the one before. */
  ahead: number;
}

/**
 * Results with their items, in order. An error is thrown where its item is due. A caller that stops early waits for
 * what was begun.
 */
export async function* workAhead<Item, Loaded, Result>(
  items: Iterable<Item>,
  { load, work, ahead }: AheadSteps<Item, Loaded, Result>,
): AsyncGenerator<[Item, Result]> {
  const begun: Promise<[Item, Result]>[] = [];
  let loading: Promise<unknown> = Promise.resolve();
  try {
    for (const item of items) {
      const loaded = loading.then(() => load(item));
      const result = loaded.then(async (found): Promise<[Item, Result]> => [item, await work(item, found)]);
      loading = loaded;
      // Thrown where it is due.
      result.catch(() => undefined);
      begun.push(result);
      if (begun.length > ahead) yield await begun.shift()!;
    }
    while (begun.length > 0) yield await begun.shift()!;
  } finally {
    await Promise.allSettled(begun);
  }
}
