// What entered and left a selection since an earlier one, and why.
import type {
  ChangeReason,
  ComparedSelection,
  CompareSelectionsInput,
  SelectionChange,
} from '../../contracts/messages/incremental.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Store } from '../../store/store.ts';
import { contentKeyAt } from '../../tables/hash-column.ts';
import { rowsTable } from '../../tables/rows.ts';
import { selectionTable } from '../../tables/selection.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { startPulse } from '../shared/heartbeat.ts';
import { finishOutput, outputPlace, writeFile } from '../shared/stage-output.ts';

/** A selected row. */
interface Selected {
  rowIndex: number;
  task: string;
}

/** What the dataset of one side says about a content. */
type Presence = 'absent' | 'unusable' | 'usable';

/** Compares the selections of two runs by row content. */
export function createSelectionChangeActivities({ openStore }: ControlDependencies) {
  return {
    async compareSelections({ config, before, after }: CompareSelectionsInput): Promise<SelectionChange> {
      startPulse('selection', 'comparison');
      const store = openStore(config.store.uri);
      const [then, now] = [await readSelected(store, before.selection), await readSelected(store, after.selection)];
      const left = [...then].filter(([hash]) => !now.has(hash));
      const entered = [...now].filter(([hash]) => !then.has(hash));
      const stayedCount = then.size - left.length;
      const presentNow = await presence(store, after.rows, new Set(left.map(([hash]) => hash)));
      const presentThen = await presence(store, before.rows, new Set(entered.map(([hash]) => hash)));
      const changedQuota = quotaChanges(before, after);
      const lines: string[] = [];
      const describe = (change: 'left' | 'entered', rows: [string, Selected][], present: Map<string, Presence>) => {
        const counts = new Map<ChangeReason, number>();
        for (const [hash, { rowIndex, task }] of rows) {
          const reason = reasonOf(change, present.get(hash) ?? 'absent', changedQuota.has(task));
          counts.set(reason, (counts.get(reason) ?? 0) + 1);
          const content = Buffer.from(hash, 'latin1').toString('hex');
          lines.push(`${JSON.stringify({ change, reason, task, row_index: rowIndex, content_hash: content })}\n`);
        }
        return [...counts].map(([reason, count]) => ({ reason, count })).sort((one, other) => other.count - one.count);
      };
      const reasons = { left: describe('left', left, presentNow), entered: describe('entered', entered, presentThen) };
      const union = then.size + entered.length;
      return {
        changes: await writeChanges(store, { before, after }, lines),
        enteredCount: entered.length,
        leftCount: left.length,
        stayedCount,
        jaccard: union === 0 ? 1 : stayedCount / union,
        ...reasons,
      };
    },
  };
}

/** Selected rows by content. */
async function readSelected(store: Store, selection: ArtifactReference): Promise<Map<string, Selected>> {
  const selected = new Map<string, Selected>();
  for await (const batch of selectionTable.read(store, selection)) {
    for (const [row, rowIndex] of batch.rowIndex.entries())
      selected.set(contentKeyAt(batch.contentHash, row), { rowIndex, task: batch.task[row]! });
  }
  return selected;
}

/** What a dataset has of the wanted contents. */
async function presence(
  store: Store,
  rows: ArtifactReference,
  wanted: ReadonlySet<string>,
): Promise<Map<string, Presence>> {
  const found = new Map<string, Presence>();
  if (wanted.size === 0) return found;
  for await (const batch of rowsTable.read(store, rows)) {
    for (const [row, reason] of batch.reason.entries()) {
      const hash = contentKeyAt(batch.contentHash, row);
      if (!wanted.has(hash) || found.get(hash) === 'usable') continue;
      found.set(hash, reason === null ? 'usable' : 'unusable');
    }
  }
  return found;
}

/** Tasks whose quota is another one now. */
function quotaChanges(before: ComparedSelection, after: ComparedSelection): ReadonlySet<string> {
  const then = new Map(before.quotas.map(({ task, quota }) => [task, quota]));
  const now = new Map(after.quotas.map(({ task, quota }) => [task, quota]));
  return new Set([...then.keys(), ...now.keys()].filter((task) => then.get(task) !== now.get(task)));
}

function reasonOf(change: 'left' | 'entered', present: Presence, quotaChanged: boolean): ChangeReason {
  if (present === 'absent') return change === 'left' ? 'removed_row' : 'new_row';
  if (present === 'unusable') return change === 'left' ? 'quarantined_row' : 'new_row';
  return quotaChanged ? 'quota_changed' : 'redrawn';
}

async function writeChanges(
  store: Store,
  { before, after }: Omit<CompareSelectionsInput, 'config'>,
  lines: readonly string[],
): Promise<ArtifactReference> {
  const hashes = ({ rows, selection, quotas }: ComparedSelection) => ({
    rows: rows.sha256,
    selection: selection.sha256,
    quotas: quotas.map(({ task, quota }) => ({ task, quota })),
  });
  const place = outputPlace('selection', { before: hashes(before), after: hashes(after) });
  const files = [await writeFile(store, place, 'changes.jsonl', lines.join(''))];
  return (await finishOutput(store, place, { files, details: null })).reference;
}
