// What the runs of a benchmark say together: compared, drawn as a page, written as a table.
import { compareMethods, spread } from '../../algorithms/compare-methods.ts';
import type { FullScores } from '../../algorithms/compare-methods.ts';
import { strongestBaseline } from '../../contracts/methods.ts';
import type { BenchmarkSummary, BenchmarkTable } from '../../contracts/benchmark-summary.ts';
import { macroGenerated } from '../../contracts/task-scores.ts';
import type { BenchmarkArm, BenchmarkReport, WriteBenchmarkInput } from '../../contracts/messages/benchmark.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import { benchmarkVerdict } from '../../report/benchmark/benchmark-verdict.ts';
import { ldsSentences } from '../../report/benchmark/lds-section.ts';
import { renderBenchmark } from '../../report/benchmark/render-benchmark.ts';
import { benchmarkLines } from '../../report/benchmark/text-table.ts';
import { canonicalJson, sha256 } from '../../store/addresses.ts';
import { detailsOf, readManifest } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';
import { installedVersions } from '../report/files.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { finishOutput, outputPlace, writeFile } from '../shared/stage-output.ts';
import type { CellDetails } from './keep-cell.ts';
import { overlapsOf } from './overlaps.ts';
import { resultsParquet } from './results-table.ts';

export function createBenchmarkActivities({ openStore }: ControlDependencies) {
  return {
    /**
     * Writes `benchmark.html`, `results.parquet` and `benchmark.json`. They show times, so they are made anew each
     * time.
     * @throws RangeError where a method lacks a seed
     */
    async writeBenchmark(input: WriteBenchmarkInput): Promise<BenchmarkReport> {
      const store = openStore(input.config.store.uri);
      const arms: BenchmarkArm[] = [];
      for (const cell of input.cells) arms.push(...detailsOf<CellDetails>(await readManifest(store, cell)).arms);
      const summary = await summarize(store, input, arms);
      const place = outputPlace('report', { benchmark: sha256(canonicalJson(summary)) });
      const verdict = benchmarkVerdict(summary);
      const files = [
        await writeFile(store, place, 'benchmark.html', renderBenchmark(summary)),
        await writeFile(store, place, 'results.parquet', resultsParquet(arms)),
        await writeFile(store, place, 'benchmark.json', manifestOf(summary, verdict)),
      ];
      const { reference: report } = await finishOutput(store, place, { files, details: null });
      const told = summary.lds === undefined ? {} : { ldsLines: ldsSentences(summary.lds) };
      return { report, verdict, lines: benchmarkLines(summary), ...told };
    },
  };
}

async function summarize(
  store: Store,
  { config, benchmarkName, baseOutcome, warnings, durationMs, lds }: WriteBenchmarkInput,
  arms: readonly BenchmarkArm[],
): Promise<BenchmarkSummary> {
  const full = arms.filter(({ isFull }) => isFull);
  const own = arms.filter(({ isFull }) => !isFull);
  const fullScores = full.length === 0 ? null : fullScoresOf(full);
  const groups = byTable(own);
  const tables = groups.map((group): BenchmarkTable => {
    const [{ budget, length }] = group as [BenchmarkArm];
    return { budget, length, methods: compareMethods(group, fullScores) };
  });
  const largest = groups.at(-1) ?? [];
  return {
    benchmarkName,
    config,
    seeds: [...new Set(own.map(({ seed }) => seed))].sort((left, right) => left - right),
    baseline: strongestBaseline(own.map(({ method }) => method)),
    baseAccuracy: baseOutcome.macroAccuracy,
    ...generatedOf(baseOutcome),
    testRowCount: baseOutcome.tasks.reduce((sum, { rowCount }) => sum + rowCount, 0),
    tables,
    full: full.length === 0 ? null : spread(full.map(({ macroAccuracy }) => macroAccuracy)),
    overlaps: await overlapsOf(store, largest),
    ...(lds !== undefined && { lds }),
    warnings,
    durationMs,
    versions: installedVersions(),
  };
}

/** Of generated answers; nothing where none were generated. */
function generatedOf({ tasks }: WriteBenchmarkInput['baseOutcome']): Pick<BenchmarkSummary, 'generated'> {
  if (tasks.every(({ generated }) => generated === undefined)) return {};
  const leftOut = tasks.flatMap(({ task, generated }) => (generated ? [] : [task]));
  return { generated: { baseAccuracy: macroGenerated(tasks), leftOut } };
}

/** Trainings of one length and budget together, in the order in which they come first. */
function byTable(arms: readonly BenchmarkArm[]): BenchmarkArm[][] {
  const groups = new Map<string, BenchmarkArm[]>();
  for (const arm of arms) {
    const key = JSON.stringify([arm.length, arm.budget]);
    groups.set(key, [...(groups.get(key) ?? []), arm]);
  }
  return [...groups.values()];
}

/** Accuracy by task of the models that were tuned on all rows, by seed. */
function fullScoresOf(arms: readonly BenchmarkArm[]): FullScores {
  return new Map(
    arms.map(({ seed, tasks }) => [
      seed,
      new Map(tasks.map(({ task, correctCount, rowCount }) => [task, rowCount === 0 ? 0 : correctCount / rowCount])),
    ]),
  );
}

/** Everything that the page shows, as JSON with names as on disk. */
function manifestOf(summary: BenchmarkSummary, verdict: readonly string[]): string {
  return `${JSON.stringify(withDiskNames({ ...summary, verdict }), null, 2)}\n`;
}
