// The linear datamodelling score of gradient cosines: one pass over the rows' gradients, one over those of test rows.
import {
  addToSubsets,
  createDatamodelScorer,
  createSubsetSums,
  predictOutcomes,
} from '../../algorithms/linear-datamodelling.ts';
import type { SubsetSums } from '../../algorithms/linear-datamodelling.ts';
import { ArtifactMismatchError } from '../../contracts/failures.ts';
import type { LdsInput, LdsResult, LdsSubset } from '../../contracts/messages/benchmark.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Store } from '../../store/store.ts';
import { joinGradients, openGradientTable } from '../../tables/gradients.ts';
import { outcomesTable } from '../../tables/outcomes.ts';
import { RowLookup } from '../../tables/row-lookup.ts';
import { readCopies } from '../../tables/selection.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { makeOutput, outputPlace } from '../shared/stage-output.ts';
import type { OutputPlace } from '../shared/stage-output.ts';

/** Raised when the same tables give another score. */
const VERSION = 1;

/** Rows between two looks at whether the activity must stop. */
const ROWS_OF_PAUSE = 64;

export function createDatamodelActivities({ openStore }: ControlDependencies) {
  return {
    /**
     * The linear datamodelling score of the sums of gradient cosines. Its address covers the tables. Memory: a sum of
     * `sketch` numbers a subset, a bit more than a byte for each row and subset, eight for each test row and subset.
     * @throws ArtifactMismatchError where the test rows' gradients are projected otherwise than the rows'
     */
    async scoreDatamodels(input: LdsInput): Promise<LdsResult> {
      const pulse = startPulse('report', 'linear datamodelling score');
      const store = openStore(input.config.store.uri);
      const { details } = await makeOutput(store, placeOf(input), async () => {
        const sums = await sumSubsets(store, input, pulse);
        return { files: [], details: await scoreSums(store, input, sums, pulse) };
      });
      return details;
    },
  };
}

function placeOf({ config, rows, gradients, testRows, queries, subsets }: LdsInput): OutputPlace {
  return outputPlace('report', {
    datamodels: VERSION,
    seed: config.run.seed,
    rows: rows.sha256,
    gradients: gradients.map(({ sha256 }) => sha256),
    testRows: testRows.sha256,
    queries: queries.sha256,
    subsets: subsets.map(({ selection, outcomes }) => [selection.sha256, outcomes.sha256]),
  });
}

/** Σ ẑ_i over the rows of each subset. */
async function sumSubsets(
  store: Store,
  { rows, gradients, subsets }: Pick<LdsInput, 'rows' | 'gradients' | 'subsets'>,
  pulse: Pulse,
): Promise<SubsetSums> {
  const table = await openGradientTable(store, gradients);
  const { sketch } = table;
  const lookup = await RowLookup.read(store, rows);
  const members = await readMembers(store, lookup, subsets);
  const sums = createSubsetSums(subsets.length, sketch);
  for await (const { batch, positions } of joinGradients(store, table, lookup)) {
    for (const [row, position] of positions.entries()) {
      if (row % ROWS_OF_PAUSE === 0) await pulse.pause();
      if (position < 0 || batch.reason[row] !== null) continue;
      const gradient = batch.gradient.subarray(row * sketch, (row + 1) * sketch);
      addToSubsets(sums, gradient, (subset) => members[subset]![position] === 1);
    }
  }
  return sums;
}

/** [subset][position] 1 for a row that is in the subset. */
async function readMembers(store: Store, lookup: RowLookup, subsets: readonly LdsSubset[]): Promise<Uint8Array[]> {
  const members: Uint8Array[] = [];
  for (const { selection } of subsets) {
    const chosen = await readCopies(store, selection);
    members.push(Uint8Array.from({ length: lookup.count }, (_, row) => Number(chosen.has(lookup.rowIndex(row)))));
  }
  return members;
}

/** Holds what the sums predict of each test row against what was measured. */
async function scoreSums(
  store: Store,
  { config, testRows, queries, subsets }: LdsInput,
  sums: SubsetSums,
  pulse: Pulse,
): Promise<LdsResult> {
  const table = await openGradientTable(store, [queries]);
  if (table.sketch !== sums.sketch)
    throw new ArtifactMismatchError(
      `${queries.uri}: sketch must be that of the rows, ${sums.sketch}, got ${table.sketch}; use another store`,
    );
  const lookup = await RowLookup.read(store, testRows);
  const measured = await readMeasured(
    store,
    lookup,
    subsets.map(({ outcomes }) => outcomes),
  );
  const scorer = createDatamodelScorer(subsets.length, config.run.seed);
  let matchedCount = 0;
  for await (const { batch, positions } of joinGradients(store, table, lookup)) {
    for (const [row, position] of positions.entries()) {
      if (row % ROWS_OF_PAUSE === 0) await pulse.pause();
      if (position < 0 || batch.reason[row] !== null) continue;
      const own = measured.subarray(position * subsets.length, (position + 1) * subsets.length);
      if (own.includes(NaN)) continue;
      const gradient = batch.gradient.subarray(row * table.sketch, (row + 1) * table.sketch);
      scorer.add(lookup.task(position), predictOutcomes(sums, gradient), own);
      matchedCount += 1;
    }
  }
  const { all, tasks } = scorer.scores();
  return { ...all, subsetCount: subsets.length, unmatchedCount: lookup.count - matchedCount, tasks };
}

/** y_j(x) = −loss, [position, subset]; NaN where a row was not scored. */
async function readMeasured(
  store: Store,
  lookup: RowLookup,
  outcomes: readonly ArtifactReference[],
): Promise<Float64Array> {
  const measured = new Float64Array(lookup.count * outcomes.length).fill(NaN);
  const positions = new Map(
    Array.from({ length: lookup.count }, (_, position) => [lookup.rowIndex(position), position]),
  );
  for (const [subset, reference] of outcomes.entries())
    for await (const { rowIndex, loss } of outcomesTable.read(store, reference))
      for (const [row, index] of rowIndex.entries()) {
        const position = positions.get(index);
        if (position !== undefined) measured[position * outcomes.length + subset] = -loss[row]!;
      }
  return measured;
}
