// What one run of a benchmark has found, kept in the store: messages carry a reference to it.
import type { BenchmarkCell } from '../../contracts/benchmark-cells.ts';
import type { BenchmarkArm, KeepCellInput, KeptCell } from '../../contracts/messages/benchmark.ts';
import type { MethodResult } from '../../contracts/messages/run.ts';
import type { ControlDependencies } from '../shared/dependencies.ts';
import { readCopies } from '../../tables/selection.ts';
import { stressKinds, stressShares } from '../report/stress-summary.ts';
import { makeOutput, outputPlace } from '../shared/stage-output.ts';

/** What the artifact of a run of a benchmark says. */
export interface CellDetails {
  arms: BenchmarkArm[];
}

export function createKeepCellActivities({ openStore }: ControlDependencies) {
  return {
    /** Keeps every method's choice and scores. Its address covers them. */
    async keepBenchmarkCell({ config, cell, result }: KeepCellInput): Promise<KeptCell> {
      const store = openStore(config.store.uri);
      const kinds = await stressKinds(store, result.dataset!.rows);
      const arms: BenchmarkArm[] = [];
      for (const method of result.methods) {
        const arm = armOf(cell, method);
        const stress = kinds === null ? null : stressShares(kinds, await readCopies(store, arm.selection));
        arms.push({ ...arm, stress });
      }
      const place = outputPlace('report', { benchmarkArms: arms });
      const { reference } = await makeOutput<CellDetails>(store, place, async () => ({
        files: [],
        details: { arms },
      }));
      return { cell: reference, scores: arms.map(scoreOf) };
    },
  };
}

/** @throws RangeError where the run was not scored */
function armOf(
  { seed, budget, length, isFull, name }: BenchmarkCell,
  done: MethodResult,
): Omit<BenchmarkArm, 'stress'> {
  const { method, selection, finetune, evaluation } = done;
  if (selection === null || finetune === null || evaluation === null)
    throw new RangeError(`benchmark: ${method} of ${name} must be tuned and scored, got a run that ended before`);
  const shares = selection.tasks.flatMap(({ effectiveShare }) => (effectiveShare === null ? [] : [effectiveShare]));
  return {
    seed,
    budget,
    length,
    isFull,
    method,
    selection: selection.selection,
    rowCount: selection.rowCount,
    stepCount: finetune.stepCount,
    effectiveShare: shares.length === 0 ? null : Math.min(...shares),
    tasks: evaluation.tasks,
    macroAccuracy: evaluation.macroAccuracy,
    meanLoss: evaluation.meanLoss,
    ...generatedOf(evaluation),
  };
}

function scoreOf(arm: BenchmarkArm): KeptCell['scores'][number] {
  const { method, macroAccuracy } = arm;
  return { method, macroAccuracy, ...generatedOf(arm) };
}

/** Nothing where no answers were generated. */
function generatedOf({ macroGenerated }: { macroGenerated?: number | null }): { macroGenerated?: number | null } {
  return macroGenerated === undefined ? {} : { macroGenerated };
}
