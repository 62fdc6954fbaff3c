// Finished micro-batches of an unfinished shard: what a killed attempt leaves to the next one.
import { deserialize, serialize } from 'node:v8';
import { sha256 } from '../../store/addresses.ts';
import type { Store } from '../../store/store.ts';
import { GRADIENT_COLUMNS } from '../../tables/gradients.ts';
import type { GradientRows } from '../../tables/gradients.ts';

/** Finished micro-batches of an unfinished shard, one file each, named by micro-batch and hash. */
export interface ShardParts {
  /** Micro-batches that are done: their keys, by index. */
  done(): Promise<Map<number, string>>;
  save(microBatch: number, rows: GradientRows): Promise<string>;
  /** @returns null for a part that is damaged or has other columns: it is computed again */
  read(key: string): Promise<GradientRows | null>;
}

export function createShardParts(store: Store, folder: string): ShardParts {
  return {
    async done() {
      const found = new Map<number, string>();
      for (const key of await store.list(folder)) found.set(Number(/(\d+)-[0-9a-f]+\.part$/.exec(key)?.[1] ?? -1), key);
      return found;
    },
    async save(microBatch, rows) {
      const bytes = serialize(rows);
      const key = `${folder}/${String(microBatch).padStart(8, '0')}-${sha256(bytes).slice(0, 16)}.part`;
      await store.write(key, [bytes]);
      return key;
    },
    async read(key) {
      const bytes = await store.read(key);
      if (!key.endsWith(`-${sha256(bytes).slice(0, 16)}.part`)) return null;
      const rows = deserialize(bytes) as GradientRows;
      return GRADIENT_COLUMNS.every((name) => name in rows) ? rows : null;
    },
  };
}
