import type {
  ChangeReason,
  ComparedSelection,
  CompareSelectionsInput,
  SelectionChange,
} from '../../contracts/messages/incremental.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { artifactFolder, stageAddress } from '../../store/addresses.ts';
import { fileOf, finishArtifact, readManifest } from '../../store/artifacts.ts';
import { contentKeyAt } from '../../tables/content-key.ts';
import { tableSchema } from '../../tables/schemas.ts';
import type { Store } from '../../store/store.ts';
import { readTable } from '../../tables/arrow-file.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { startPulse } from '../shared/heartbeat.ts';

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
  const manifest = await readManifest(store, selection);
  const file = fileOf(manifest, 'selection.arrow');
  const selected = new Map<string, Selected>();
  for await (const batch of readTable(store, selection.uri, file, tableSchema('selection'))) {
    const hashes = batch.bytes('content_hash');
    const tasks = batch.strings('task');
    for (const [row, rowIndex] of batch.uint32('row_index').entries()) {
      const hash = contentKeyAt(hashes, row);
      selected.set(hash, { rowIndex, task: tasks[row]! });
    }
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
  const manifest = await readManifest(store, rows);
  for await (const batch of readTable(store, rows.uri, fileOf(manifest, 'rows.arrow'), tableSchema('rows'))) {
    const hashes = batch.bytes('content_hash');
    const reasons = batch.strings('reason');
    for (let row = 0; row < batch.rowCount; row += 1) {
      const hash = contentKeyAt(hashes, row);
      if (!wanted.has(hash) || found.get(hash) === 'usable') continue;
      found.set(hash, reasons[row] === null ? 'usable' : 'unusable');
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
  const determinants = { before: hashes(before), after: hashes(after) };
  const address = stageAddress('selection', determinants);
  const name = 'changes.jsonl';
  const written = await store.write(`${artifactFolder('selection', address)}/${name}`, [Buffer.from(lines.join(''))]);
  const files = [{ name, rowCount: 0, ...written }];
  return finishArtifact(store, 'selection', address, { determinants, files, rowCount: 0, details: null });
}
