// Which rows of a dataset have no gradient yet: what an incremental run needs before its gradients.
import type { FingerprintInput, NewRowsPlan, PlanNewRowsInput } from '../../contracts/messages/incremental.ts';
import type { Reason } from '../../contracts/reasons.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import { canonicalJson, sha256 } from '../../store/addresses.ts';
import { readManifest } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import { joinGradients, openGradientTable } from '../../tables/gradients.ts';
import { RowLookup } from '../../tables/row-lookup.ts';
import { usableRows } from '../../tables/rows.ts';
import { evaluationDataset } from '../shared/compute-context.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import { changeFingerprint, folderFingerprint } from '../shared/fingerprints.ts';
import { startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { outputPlace } from '../shared/stage-output.ts';
import { writeSomeRows } from './some-rows.ts';
import { gradientDeterminants } from './table-place.ts';

/** What incremental runs need before their gradients: whether anything changed, and which rows are new. */
export function createNewRowsActivities({ openStore, models }: ComputeDependencies) {
  return {
    /**
     * Hash of what a run reads: dataset, model, adapter, test rows. Pictures and weights are not read, their names,
     * sizes and times are: it is cheap, and different whenever a file has changed.
     */
    async fingerprintDataset({ config }: FingerprintInput): Promise<string> {
      startPulse('dataset', 'fingerprint');
      const { dataset, model, evaluation } = config;
      const read = {
        dataset: await changeFingerprint(openStore, dataset),
        model: await folderFingerprint(model.path),
        adapter: model.adapter === null ? null : await folderFingerprint(model.adapter),
        evaluation: evaluation.path === null ? null : await changeFingerprint(openStore, evaluationDataset(config)),
      };
      return sha256(canonicalJson(read));
    },

    /**
     * Compares the dataset with the gradient tables by content, and writes a rows table of those that have no gradient,
     * with micro-batches of its own: the rows that are there keep their bits.
     */
    async planNewRows(input: PlanNewRowsInput): Promise<NewRowsPlan> {
      const { config, rows, tables } = input;
      const pulse = startPulse('gradients', 'new rows');
      const store = openStore(config.store.uri);
      const refusal = await refuse(store, tables, await gradientDeterminants(input, models));
      if (refusal !== null) return { refusal, ...NOTHING };
      const lookup = await RowLookup.read(store, rows);
      const known = await matchTables(store, tables, lookup, pulse);
      const removedRowCount = await countRemoved(store, input.lastRows, lookup, pulse);
      const newRowCount = lookup.count - known.rowIndexes.size;
      const newRows = newRowCount === 0 ? null : await writeNewRows(store, input, known.rowIndexes, newRowCount, pulse);
      const quarantined = [...known.reasons].map(([reason, count]) => ({ reason, count }));
      return { refusal, newRows, newRowCount, keptRowCount: known.rowIndexes.size, removedRowCount, quarantined };
    },
  };
}

const NOTHING = { newRows: null, newRowCount: 0, keptRowCount: 0, removedRowCount: 0, quarantined: [] };

/** Why the tables do not fit what would be computed now: another model, projection, prompt or engine. */
async function refuse(store: Store, tables: readonly ArtifactReference[], wanted: object): Promise<string | null> {
  const now = wanted as Readonly<Record<string, unknown>>;
  for (const table of tables) {
    const then = (await readManifest(store, table)).determinants;
    // What only one of the two says is different too.
    const keys = new Set(
      [...Object.keys(now), ...Object.keys(then)].filter((key) => key !== 'rows' && key !== 'adapter'),
    );
    const other = [...keys].find((key) => canonicalJson(now[key] ?? null) !== canonicalJson(then[key] ?? null));
    if (other !== undefined) return `the gradients that are there were taken with another ${other}`;
  }
  return null;
}

interface KnownRows {
  /** Places of the rows that have a gradient. */
  rowIndexes: Set<number>;
  reasons: Map<Reason, number>;
}

async function matchTables(
  store: Store,
  tables: readonly ArtifactReference[],
  lookup: RowLookup,
  pulse: Pulse,
): Promise<KnownRows> {
  const known: KnownRows = { rowIndexes: new Set(), reasons: new Map() };
  for await (const { batch, positions } of joinGradients(store, await openGradientTable(store, tables), lookup)) {
    for (const [row, position] of positions.entries()) {
      if (position < 0) continue;
      known.rowIndexes.add(lookup.rowIndex(position));
      const reason = batch.reason[row] as Reason | null;
      if (reason !== null) known.reasons.set(reason, (known.reasons.get(reason) ?? 0) + 1);
    }
    await pulse.pause();
  }
  return known;
}

/** Usable rows of the last run that the dataset has no more. */
async function countRemoved(
  store: Store,
  lastRows: ArtifactReference,
  lookup: RowLookup,
  pulse: Pulse,
): Promise<number> {
  const take = lookup.taker();
  let count = 0;
  for await (const { contentHash } of usableRows(store, lastRows)) {
    if (take(contentHash, 0) < 0) count += 1;
    await pulse.pause();
  }
  return count;
}

function writeNewRows(
  store: Store,
  { config, rows, tables }: PlanNewRowsInput,
  known: ReadonlySet<number>,
  newRowCount: number,
  pulse: Pulse,
): Promise<ArtifactReference> {
  const place = outputPlace('dataset', {
    rows: rows.sha256,
    known: tables.map(({ sha256: hash }) => hash),
    ...settingsOf('newRows', config),
  });
  const isWanted = (rowIndex: number): boolean => !known.has(rowIndex);
  return writeSomeRows(store, { config, rows, place, isWanted, rowCount: newRowCount }, pulse);
}
