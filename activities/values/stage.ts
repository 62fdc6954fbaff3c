// Stage values: gradients → value of every task and of every row.
import { finishTaskSums, taskWarnings } from '../../algorithms/task-values.ts';
import type { EstimateValuesInput, ValuesResult } from '../../contracts/messages/values.ts';
import { canonicalJson } from '../../store/addresses.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import type { Store } from '../../store/store.ts';
import { EXCLUDED_FILE } from '../../tables/excluded.ts';
import { openGradientTable } from '../../tables/gradients.ts';
import { RowLookup } from '../../tables/row-lookup.ts';
import { valuesTable } from '../../tables/values.ts';
import type { ValuesDetails } from '../../tables/values.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { excludedWords, findExcluded, readExcludedNames } from '../shared/excluded-rows.ts';
import type { ExcludedNames } from '../shared/excluded-rows.ts';
import { startPulse } from '../shared/heartbeat.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { countRows } from '../shared/metrics.ts';
import { findOutput, makeOutput, outputPlace, writeFile } from '../shared/stage-output.ts';
import type { OutputPlace, StageOutput, WrittenOutput } from '../shared/stage-output.ts';
import { usableColumns, valueBatches } from './value-columns.ts';
import { joinRows } from './eligible-rows.ts';
import { GradientPasses, threadCountFor } from './passes.ts';
import { SPACE_FILE, describeSpace, markSpaceSample } from './space.ts';
import { describeTasks } from './describe-tasks.ts';

export function createValuesActivities({ openStore }: ControlDependencies) {
  return {
    async estimateValues(input: EstimateValuesInput): Promise<ValuesResult> {
      const pulse = startPulse('values', 'values');
      const store = openStore(input.config.store.uri);
      const names = await readExcludedNames(openStore, input.config.dataset);
      const place = valuesPlace(input, names);
      return resultOf(await makeOutput(store, place, () => writeValues(store, place, { ...input, names }, pulse)));
    },
  };
}

/** Three passes over the gradient table, shared by threads; memory: a batch a thread, and about 200 bytes a row. */
async function writeValues(
  store: Store,
  place: OutputPlace,
  { config, rows, gradients, names: excludedNames }: EstimateValuesInput & { names: ExcludedNames | null },
  pulse: Pulse,
): Promise<WrittenOutput<ValuesDetails>> {
  const table = await openGradientTable(store, gradients);
  const passes = new GradientPasses(store, table, threadCountFor(table), pulse);
  const scanned = await passes.scan();
  const leftOut = excludedNames === null ? NONE : (await findExcluded(store, rows, excludedNames)).rowIndexes;
  const excluded = { tasks: config.dataset.excludeTasks, rows: leftOut };
  const eligible = joinRows(scanned, await RowLookup.read(store, rows), excluded);
  const statistics = finishTaskSums(await passes.sum(eligible.taskIndex, eligible.maxima));
  const sampled = markSpaceSample(scanned.contentHash, eligible.taskIndex);
  const scores = await passes.score(eligible.taskIndex, statistics, config.values.selfTerm, sampled);
  const space = describeSpace(scores.sample, sampled, eligible, statistics);
  const columns = usableColumns(scanned, eligible, scores);
  countRows('values', columns.rowIndex.length);
  await pulse.pause();
  const { names } = eligible;
  const tasks = describeTasks(names, statistics, columns, config.values.taskValue, config.run.seed);
  const files = [
    await valuesTable.write(store, place.folder, valueBatches(columns, names)),
    await writeFile(store, place, SPACE_FILE, `${canonicalJson(space)}\n`),
  ];
  const warnings = taskWarnings(names, statistics);
  if (leftOut.size > 0) {
    const list = [...leftOut].sort((left, right) => left - right);
    files.push(await writeFile(store, place, EXCLUDED_FILE, `${JSON.stringify(list)}\n`));
    warnings.push(excludedWords(leftOut.size));
  }
  return { files, details: { tasks, warnings } };
}

const NONE: ReadonlySet<number> = new Set();

function valuesPlace({ config, rows, gradients }: EstimateValuesInput, names: ExcludedNames | null): OutputPlace {
  return outputPlace('values', {
    rows: rows.sha256,
    gradients: gradients.map(({ sha256 }) => sha256),
    ...settingsOf('values', config),
    ...(names === null ? {} : { excludeRows: names.sha256 }),
  });
}

/** The values that an earlier run has estimated, or null. */
export async function findValues(
  store: Store,
  input: EstimateValuesInput,
  openStore: ControlDependencies['openStore'],
): Promise<ValuesResult | null> {
  const names = await readExcludedNames(openStore, input.config.dataset);
  const found = await findOutput<ValuesDetails>(store, valuesPlace(input, names));
  return found === null ? null : resultOf(found);
}

function resultOf({ reference, details, cached }: StageOutput<ValuesDetails>): ValuesResult {
  return { values: reference, ...details, cached };
}
