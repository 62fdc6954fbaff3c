// Columns of methods that read gradients: what queries say of every row, and its cluster.
import { clusterCentres, nearestVector } from '../../algorithms/gradient-clusters.ts';
import { groupByTask } from '../../algorithms/group-rows.ts';
import { meanDirections, querySubspace } from '../../algorithms/query-directions.ts';
import type { Queries } from '../../algorithms/query-directions.ts';
import { directionWriter, subspaceWriter } from '../../algorithms/row-affinities.ts';
import type { RowWriter } from '../../algorithms/row-affinities.ts';
import { RowKernels } from '../../algorithms/row-kernels.ts';
import { contentOrder } from '../../algorithms/sampling.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { EarlierGradients } from '../../contracts/messages/gradients.ts';
import type { SelectInput } from '../../contracts/messages/selection.ts';
import { readsColumn, readsGradients, readsQueries } from '../../contracts/methods.ts';
import type { GradientSettings, MethodColumns, QueryColumn } from '../../contracts/methods.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Store } from '../../store/store.ts';
import { openGradientTable } from '../../tables/gradients.ts';
import { RowLookup } from '../../tables/row-lookup.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { holdOut, readMarked, readQueries } from './query-gradients.ts';
import type { GradientPass } from './query-gradients.ts';
import { clusterLosses } from './trajectory-rows.ts';
import { joinedGradients, valuedGradients } from './values-columns.ts';
import type { ValuedRows } from './values-columns.ts';

/** Rows that the centres of all tasks together are found from. */
const CLUSTERED_ROWS = 16_384;
const CLUSTERED_ROWS_OF_TASK = 2048;

/** Where the recipe does not say: a run of an earlier version does not carry them. */
const DEFAULTS = { queryRows: 16, queryRank: 32, clusterCount: 16 } as const;

function settingsOf({
  queryRows = DEFAULTS.queryRows,
  queryRank = DEFAULTS.queryRank,
  clusterCount = DEFAULTS.clusterCount,
}: GradientSettings) {
  return { queryRows, queryRank, clusterCount };
}

/** What a selection's address says of the gradients that its method reads; nothing of a method that reads none. */
export function gradientSettings(
  method: SelectionMethod,
  { config, gradients = [], queries, earlier }: Pick<SelectInput, 'config' | 'gradients' | 'queries' | 'earlier'>,
): object {
  if (!readsGradients(method)) return {};
  const { queryRows, queryRank, clusterCount } = settingsOf(config.selection);
  return {
    gradients: gradients.map(({ sha256 }) => sha256),
    ...(readsQueries(method) ? { queries: queries?.sha256 ?? { heldOut: queryRows } } : {}),
    ...(earlier === undefined ? {} : { earlier: earlierSettings(earlier) }),
    ...(readsColumn(method, 'subspace_affinity') ? { queryRank } : {}),
    ...(readsColumn(method, 'cluster') || readsColumn(method, 'trajectory_cluster') ? { clusterCount } : {}),
  };
}

function earlierSettings({ checkpoints, lastRate }: EarlierGradients): object {
  const own = checkpoints.map(({ rate, gradients, queries }) => [rate, gradients.sha256, queries?.sha256 ?? null]);
  return { checkpoints: own, lastRate };
}

/** Columns that were made, and [example] 1 for rows that are queries themselves and so are not selected. */
export interface GradientColumns {
  columns: Partial<MethodColumns>;
  heldOut?: Uint8Array;
}

/** Makes what a method declares, in one or two passes over the table. Memory: 4 bytes a row and group of queries. */
export async function gradientColumns(
  store: Store,
  { config, method, gradients = [], queries: reference, earlier }: SelectInput,
  rows: ValuedRows,
  names: readonly string[],
  pulse: Pulse,
): Promise<GradientColumns> {
  if (!readsGradients(method)) return { columns: {} };
  const table = await openGradientTable(store, gradients);
  const { queryRows, queryRank, clusterCount } = settingsOf(config.selection);
  const batches = () => valuedGradients(store, table, rows.contentHash);
  const pass: GradientPass = { rows, batches, sketch: table.sketch, pulse };
  if (readsColumn(method, 'cluster'))
    return { columns: { cluster: await clusterRows(pass, names, clusterCount, config.run.seed) } };
  if (readsColumn(method, 'trajectory_cluster')) {
    const asked = { wanted: clusterCount, seed: config.run.seed };
    return { columns: { trajectory_cluster: await clusterLosses(store, table, rows, names, asked, pulse) } };
  }
  if (reference === undefined && config.gradients.preconditioner === 'adam')
    throw new InvalidConfigError(
      'selection.queries: must be plain gradients, got rows held out of a table that gradients.preconditioner has scaled; ' +
        'set queries: evaluation, or query_path',
    );
  const heldOut = reference === undefined ? holdOut(rows, names, queryRows, config.run.seed) : null;
  const queries = await queriesOf(store, pass, reference ?? null, heldOut, names.length);
  if (earlier !== undefined) {
    const affinity = await weighedAffinities(store, pass, { queries, heldOut }, earlier, names.length);
    return heldOut === null ? { columns: { affinity } } : { columns: { affinity }, heldOut };
  }
  const writer = readsColumn(method, 'subspace_affinity')
    ? subspaceWriter(querySubspace(queries, queryRank))
    : directionWriter(meanDirections(queries));
  const column = await affinities(pass, queries, writer);
  const columns = readsColumn(method, 'subspace_affinity') ? { subspace_affinity: column } : { affinity: column };
  return heldOut === null ? { columns } : { columns, heldOut };
}

/** The gradients of queries, of a table of their own or of rows that are held out. */
async function queriesOf(
  store: Store,
  pass: GradientPass,
  reference: ArtifactReference | null,
  heldOut: Uint8Array | null,
  taskCount: number,
): Promise<Queries> {
  const queries =
    heldOut === null ? await readQueries(store, reference!, pass.sketch) : await readMarked(pass, heldOut, taskCount);
  if (queries.group.length === 0)
    throw new InvalidConfigError('selection.queries: a task must have two rows for one to be held out, got fewer');
  return queries;
}

/**
 * a_iu = Σ_c η_c a_iu(c) with Σ η = 1: c the checkpoints of the warm-up, η_c their mean learning rates. A row whose
 * gradient cannot be used at a checkpoint counts 0 there.
 * @see arXiv:2402.04333 eq. 3
 */
async function weighedAffinities(
  store: Store,
  pass: GradientPass,
  last: { queries: Queries; heldOut: Uint8Array | null },
  { checkpoints, lastRate }: EarlierGradients,
  taskCount: number,
): Promise<QueryColumn> {
  const total = checkpoints.reduce((sum, { rate }) => sum + rate, lastRate);
  const sum = await affinities(pass, last.queries, directionWriter(meanDirections(last.queries)));
  sum.values.forEach((value, place) => (sum.values[place] = (value * lastRate) / total));
  const lookup = RowLookup.ofContents(pass.rows.contentHash);
  for (const { step, rate, gradients, queries: reference } of checkpoints) {
    const table = await openGradientTable(store, [gradients]);
    const own = { ...pass, batches: () => joinedGradients(store, table, lookup), sketch: table.sketch };
    const queries = await queriesOf(store, own, reference, last.heldOut, taskCount);
    if (queries.groupCount !== sum.groupCount)
      throw new InvalidConfigError(
        `selection.query_checkpoints: queries must have ${sum.groupCount} groups at every checkpoint, got ${queries.groupCount} ` +
          `after ${step} updates; set query_checkpoints: last`,
      );
    const { values } = await affinities(own, queries, directionWriter(meanDirections(queries)));
    values.forEach((value, place) => (sum.values[place] = sum.values[place]! + (value * rate) / total));
  }
  return sum;
}

async function affinities(
  { rows, batches, sketch, pulse }: GradientPass,
  { groupCount }: Queries,
  write: RowWriter,
): Promise<QueryColumn> {
  const values = new Float32Array(rows.rowIndex.length * groupCount);
  for await (const { batch, places } of batches()) {
    const { gradient, gradientScale } = batch;
    for (const [row, place] of places.entries())
      if (place >= 0) write(gradient, row * sketch, gradientScale[row]!, values, place * groupCount);
    await pulse.pause();
  }
  return { groupCount, values };
}

/** Centres of each task from the rows with the smallest contents, then every row to its nearest centre. */
async function clusterRows(
  pass: GradientPass,
  names: readonly string[],
  wanted: number,
  seed: number,
): Promise<Uint32Array> {
  const { rows, sketch, pulse } = pass;
  const share = Math.min(CLUSTERED_ROWS_OF_TASK, Math.ceil(CLUSTERED_ROWS / names.length));
  const marks = new Uint8Array(rows.rowIndex.length);
  for (const group of groupByTask(rows.taskIndex, names.length))
    for (const row of contentOrder(rows, group).subarray(0, share)) marks[row] = 1;
  const { gradients, group } = await readMarked(pass, marks, names.length);
  const centres: Float64Array[] = [];
  for (const [task, name] of names.entries()) {
    const own = Array.from(group.keys()).filter((row) => group[row] === task);
    const directions = new Float32Array(own.length * sketch);
    for (const [place, row] of own.entries())
      directions.set(unit(gradients.subarray(row * sketch, (row + 1) * sketch)), place * sketch);
    centres.push(clusterCentres({ directions, sketch }, wanted, { stream: `select/clusters/${name}`, seed }));
    await pulse.pause();
  }
  return assignRows(pass, centres);
}

function unit(gradient: Float32Array): Float32Array {
  const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
  return norm === 0 ? gradient : gradient.map((value) => value / norm);
}

/** [example] the centre of its task that a row's gradient has the largest product with; the first of equals. */
async function assignRows(
  { rows, batches, sketch, pulse }: GradientPass,
  centres: readonly Float64Array[],
): Promise<Uint32Array> {
  const starts = [0];
  for (const own of centres) starts.push(starts.at(-1)! + own.length / sketch);
  const kernels = new RowKernels(sketch, starts.at(-1)!);
  for (const [task, own] of centres.entries()) kernels.vectors.set(own, starts[task]! * sketch);
  const cluster = new Uint32Array(rows.rowIndex.length);
  for await (const { batch, places } of batches()) {
    for (const [row, place] of places.entries()) {
      if (place < 0) continue;
      kernels.load(batch.gradient, row * sketch, batch.gradientScale[row]!);
      const task = rows.taskIndex[place]!;
      cluster[place] = nearestVector(kernels, starts[task]!, starts[task + 1]!);
    }
    await pulse.pause();
  }
  return cluster;
}
