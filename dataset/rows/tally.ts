// What a dataset's rows add up to.
import type { ScanResult, TaskCounts } from '../../contracts/messages/dataset.ts';
import type { Reason } from '../../contracts/reasons.ts';
import type { PlannedRow } from './plan-rows.ts';

/** What a dataset's rows add up to. */
export interface DatasetTally extends Omit<ScanResult, 'rows' | 'warnings' | 'cached'> {
  /** Rows with a picture whose extension names another type than its bytes. */
  extensionDiffersCount: number;
  /** Keys that mean something to trainers and are not read here, with their usable rows. */
  unreadKeys: { key: string; count: number }[];
}

/** Counts rows as they stream by: eight bytes a row, for the duplicates. */
export class RowTally {
  readonly #tasks = new Map<string, TaskCounts>();
  readonly #reasons = new Map<Reason, number>();
  readonly #keys = new Map<string, number>();
  #contents = new BigUint64Array(1024);
  #counts = { rowCount: 0, usableCount: 0, microBatchCount: 0, shardCount: 0, tokenCount: 0, extensionDiffersCount: 0 };

  add({ record, place }: PlannedRow): void {
    const { task, rejection, extensionDiffers, unreadKeys, tokenCount, contentHash } = record;
    const counts = this.#counts;
    counts.rowCount += 1;
    if (extensionDiffers) counts.extensionDiffersCount += 1;
    if (task !== null) this.#addTask(task, rejection === null);
    if (rejection !== null) {
      this.#reasons.set(rejection.reason, (this.#reasons.get(rejection.reason) ?? 0) + 1);
      return;
    }
    for (const key of unreadKeys) this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1);
    this.#addContent(contentHash, counts.usableCount);
    counts.usableCount += 1;
    counts.tokenCount += tokenCount;
    counts.microBatchCount = Math.max(counts.microBatchCount, place!.microBatch + 1);
    counts.shardCount = Math.max(counts.shardCount, place!.shard + 1);
  }

  result(): DatasetTally {
    const quarantined = [...this.#reasons].map(([reason, count]) => ({ reason, count }));
    return {
      ...this.#counts,
      tasks: [...this.#tasks.values()].sort((left, right) => (left.task < right.task ? -1 : 1)),
      quarantined: quarantined.sort((left, right) => right.count - left.count || (left.reason < right.reason ? -1 : 1)),
      duplicateCount: this.#countDuplicates(),
      unreadKeys: [...this.#keys]
        .map(([key, count]) => ({ key, count }))
        .sort((left, right) => right.count - left.count),
    };
  }

  #addTask(task: string, isUsable: boolean): void {
    const line = this.#tasks.get(task) ?? { task, rowCount: 0, usableCount: 0 };
    line.rowCount += 1;
    if (isUsable) line.usableCount += 1;
    this.#tasks.set(task, line);
  }

  /** The first 64 bits of a hash stand for it: among 10 million rows two differ so with a chance of 3 in a million. */
  #addContent(contentHash: Uint8Array, position: number): void {
    if (position === this.#contents.length) {
      const larger = new BigUint64Array(2 * position);
      larger.set(this.#contents);
      this.#contents = larger;
    }
    const { buffer, byteOffset } = contentHash;
    this.#contents[position] = new DataView(buffer, byteOffset).getBigUint64(0);
  }

  #countDuplicates(): number {
    const sorted = this.#contents.slice(0, this.#counts.usableCount).sort();
    let count = 0;
    for (let position = 1; position < sorted.length; position += 1) {
      if (sorted[position] === sorted[position - 1]) count += 1;
    }
    return count;
  }
}
