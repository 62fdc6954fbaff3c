import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createSelectionChangeActivities } from '../../../activities/selection/change.ts';
import type { ComparedSelection, SelectionChange } from '../../../contracts/messages/incremental.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { rowsTable } from '../../../tables/rows.ts';
import { selectionTable } from '../../../tables/selection.ts';
import { DEMO_CONFIG } from '../../report/demo-summary.ts';
import { makeArtifact } from '../../tables/artifact.ts';
import { inActivity } from '../small-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-change-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const store = new LocalStore(folder);
const { compareSelections } = createSelectionChangeActivities({ openStore: () => store });

/** A row of a dataset: its content, as a letter, its task, and whether it can be used. */
type Row = [content: string, task: string, isUsable?: boolean];

const hashes = (contents: readonly string[]): Uint8Array =>
  Uint8Array.from(contents.flatMap((content) => Array.from({ length: 32 }, () => content.charCodeAt(0))));

/** One side of a comparison. @param selected contents of the selected rows */
async function side(rows: Row[], selected: string, quotas: Record<string, number>): Promise<ComparedSelection> {
  const zeros = new Uint32Array(rows.length);
  const batch = {
    rowCount: rows.length,
    rowIndex: Uint32Array.from(rows.keys()),
    sourceIndex: zeros,
    byteStart: new BigInt64Array(rows.length),
    byteEnd: new BigInt64Array(rows.length),
    id: rows.map(() => null),
    task: rows.map(([, task]) => task),
    image: rows.map(() => null),
    contentHash: hashes(rows.map(([content]) => content)),
    tokenCount: zeros,
    imageTokenCount: zeros,
    supervisedTokenCount: zeros,
    microBatch: zeros,
    shard: zeros,
    truncated: rows.map(() => false),
    reason: rows.map(([, , isUsable = true]) => (isUsable ? null : 'answer_empty')),
  };
  const chosen = [...selected].map((content) => rows.findIndex(([own]) => own === content));
  const drawn = {
    rowCount: chosen.length,
    rowIndex: Uint32Array.from(chosen),
    contentHash: hashes([...selected]),
    task: chosen.map((row) => rows[row]![1]),
    copies: new Uint32Array(chosen.length).fill(1),
    probability: new Float64Array(chosen.length).fill(0.5),
    rank: Uint32Array.from(chosen.keys()),
  };
  return {
    rows: await makeArtifact(store, 'dataset', { rows }, async (place) => [
      await rowsTable.write(store, place, [batch]),
    ]),
    selection: await makeArtifact(store, 'selection', { rows, selected }, async (place) => [
      await selectionTable.write(store, place, [drawn]),
    ]),
    quotas: Object.entries(quotas).map(([task, quota]) => ({ task, quota })),
  };
}

const compare = (before: ComparedSelection, after: ComparedSelection): Promise<SelectionChange> =>
  inActivity(compareSelections, { config: DEMO_CONFIG, before, after });

const linesOf = ({ changes }: SelectionChange): unknown[] =>
  readFileSync(join(folder, changes.uri, 'changes.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);

test('rows that entered and left are told with the reason that each side gives', async () => {
  const before = await side(
    [
      ['a', 'p'],
      ['b', 'p'],
      ['c', 'p'],
      ['d', 'q'],
      ['e', 'r'],
      ['f', 'r'],
      ['g', 'q', false],
    ],
    'abcde',
    { p: 3, q: 1, r: 1 },
  );
  const after = await side(
    // b is gone, c cannot be used any more, g can, h is new; task q may give one row more.
    [
      ['h', 'p'],
      ['a', 'p'],
      ['c', 'p', false],
      ['d', 'q'],
      ['e', 'r'],
      ['f', 'r'],
      ['g', 'q'],
      ['i', 'q'],
    ],
    'ahfgi',
    { p: 2, q: 2, r: 1 },
  );
  const change = await compare(before, after);
  expect(change).toMatchObject({ enteredCount: 4, leftCount: 4, stayedCount: 1, jaccard: 1 / 9 });
  expect(change.left).toEqual([
    { reason: 'removed_row', count: 1 },
    { reason: 'quarantined_row', count: 1 },
    { reason: 'quota_changed', count: 1 },
    { reason: 'redrawn', count: 1 },
  ]);
  expect(change.entered).toEqual([
    { reason: 'new_row', count: 3 },
    { reason: 'redrawn', count: 1 },
  ]);
  const line = (kind: string, reason: string, content: string, task: string, row: number) => ({
    change: kind,
    reason,
    task,
    row_index: row,
    content_hash: Buffer.from(hashes([content])).toString('hex'),
  });
  // A row that left has the place that it had, one that entered the place that it has.
  expect(linesOf(change)).toEqual([
    line('left', 'removed_row', 'b', 'p', 1),
    line('left', 'quarantined_row', 'c', 'p', 2),
    line('left', 'quota_changed', 'd', 'q', 3),
    line('left', 'redrawn', 'e', 'r', 4),
    line('entered', 'new_row', 'h', 'p', 0),
    line('entered', 'redrawn', 'f', 'r', 5),
    line('entered', 'new_row', 'g', 'q', 6),
    line('entered', 'new_row', 'i', 'q', 7),
  ]);
});

test.each<[string, boolean, boolean]>([
  ['before', false, true],
  ['behind', true, false],
])('a content that can be used is usable, whatever a second row %s it is', async (_, isFirst, isSecond) => {
  const before = await side(
    [
      ['a', 'p'],
      ['b', 'p'],
    ],
    'a',
    { p: 1 },
  );
  const after = await side(
    [
      ['a', 'p', isFirst],
      ['b', 'p'],
      ['a', 'p', isSecond],
    ],
    'b',
    { p: 1 },
  );
  expect((await compare(before, after)).left).toEqual([{ reason: 'redrawn', count: 1 }]);
});

test('equal selections have not changed, and neither have empty ones', async () => {
  const same = await side(
    [
      ['a', 'p'],
      ['b', 'p'],
    ],
    'ab',
    { p: 2 },
  );
  const change = await compare(same, same);
  expect(change).toMatchObject({ stayedCount: 2, enteredCount: 0, leftCount: 0, jaccard: 1, entered: [], left: [] });
  expect(linesOf(change)).toEqual([]);
  const empty = await side([['a', 'p']], '', { p: 0 });
  expect(await compare(empty, empty)).toMatchObject({ stayedCount: 0, jaccard: 1 });
});

test('selections without a common row share nothing', async () => {
  const [one, other] = [await side([['a', 'p']], 'a', { p: 1 }), await side([['b', 'p']], 'b', { p: 1 })];
  expect(await compare(one, other)).toMatchObject({ stayedCount: 0, enteredCount: 1, leftCount: 1, jaccard: 0 });
});
