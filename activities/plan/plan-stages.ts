// What each stage of a run has to do, and what that takes.
import { requestedRows } from '../../algorithms/allocate-budget.ts';
import { stepCountOf, trainingSchedule } from '../../algorithms/training-schedule.ts';
import { warmupRowCount } from '../../algorithms/warmup-sample.ts';
import type { Config, ScheduleSettings } from '../../contracts/config.ts';
import type { PlannedStage, Probe, RunPlan } from '../../contracts/plan.ts';
import type { Stage } from '../../contracts/stages.ts';
import { reaches } from '../../contracts/work.ts';
import type { Work } from '../../contracts/work.ts';
import { gradientLayout, initialAdapter } from '../../model/adapter.ts';
import type { Architecture } from '../../model/architectures/architecture.ts';
import { tableBytes } from '../gradients/table-place.ts';

/** Rows, as far as they are known. */
export type RowFacts = Pick<RunPlan, 'rowCount' | 'usableCount' | 'tokenCount' | 'imageRowCount'>;

/** Stages whose artifacts are looked for. */
export type FoundStage = 'dataset' | 'warmup' | 'gradients' | 'values';

/** Everything that the stages are planned from. */
export interface PlanFacts {
  config: Config;
  work: Work;
  text: Architecture['text'];
  rows: RowFacts;
  /** Null where none was made: then times are not known. */
  probe: Probe | null;
  isCached: (stage: FoundStage) => boolean;
}

/** The stages that the run does, in order. */
export function planStages(facts: PlanFacts): PlannedStage[] {
  const { config, work, rows, isCached } = facts;
  const { rowCount, usableCount } = rows;
  const sizes = adapterSizes(facts);
  const budget = Math.round(requestedRows(config.allocation, usableCount, rowCount));
  const stages: PlannedStage[] = [
    planned('dataset', { isCached: isCached('dataset'), rowCount }),
    planWarmup(facts, sizes.bytes),
    planned('gradients', {
      isCached: isCached('gradients'),
      rowCount: usableCount,
      partCount: Math.ceil(usableCount / config.gradients.shardRows),
      unit: 'shards',
      diskBytes: tableBytes(config, sizes.gradientLength, usableCount),
      seconds: secondsFor(facts, usableCount, 1),
    }),
    planned('values', { isCached: isCached('values'), rowCount: usableCount }),
    planned('allocation', { rowCount: budget }),
    planned('selection', { rowCount: budget, partCount: work.methods.length, unit: 'methods' }),
    ...(work.finetunes ? [planFinetune(facts, budget, sizes.bytes)] : []),
    ...(work.evaluates ? [planned('evaluation', { partCount: work.methods.length + 1, unit: 'models' })] : []),
    planned('report', {}),
  ];
  return stages.filter(({ stage }) => reaches(work.until, stage));
}

const NOTHING = {
  isCached: false,
  rowCount: null,
  partCount: null,
  unit: '',
  diskBytes: null,
  seconds: null,
  schedule: null,
};

function planned(stage: Stage, known: Partial<PlannedStage>): PlannedStage {
  return { ...NOTHING, stage, ...known };
}

function planWarmup(facts: PlanFacts, diskBytes: number): PlannedStage {
  const { config, rows, isCached } = facts;
  const found = { isCached: isCached('warmup') };
  if (config.model.adapter !== null) return planned('warmup', found);
  const sampled = warmupRowCount(rows.usableCount, config.warmup.fraction);
  return planned('warmup', { ...found, diskBytes, ...training(facts, sampled, config.warmup) });
}

function planFinetune(facts: PlanFacts, budget: number, adapterBytes: number): PlannedStage {
  const methodCount = facts.work.methods.length;
  const { partCount, seconds, ...rest } = training(facts, budget, facts.config.finetune);
  return planned('finetune', {
    ...rest,
    partCount: methodCount * partCount,
    diskBytes: methodCount * adapterBytes,
    seconds: seconds && methodCount * seconds,
  });
}

function training(facts: PlanFacts, rowCount: number, settings: ScheduleSettings) {
  const schedule = trainingSchedule(rowCount, settings);
  const partCount = stepCountOf(rowCount, schedule);
  return { rowCount, partCount, unit: 'steps', schedule, seconds: secondsFor(facts, rowCount, schedule.epochs) };
}

/** Forward and backward pass of so many rows, each picture encoded once. */
function secondsFor({ rows, probe }: PlanFacts, rowCount: number, epochs: number): number | null {
  if (probe === null) return null;
  const tokens = (epochs * rows.tokenCount) / Math.max(1, rows.usableCount);
  const images = rows.imageRowCount / Math.max(1, rows.usableCount);
  return rowCount * (tokens * probe.secondsPerToken + images * probe.secondsPerImage);
}

/** Bytes of an adapter, and coordinates of a whole gradient. */
function adapterSizes({ config, text }: PlanFacts): { bytes: number; gradientLength: number } {
  const { loraRank: rank, loraAlpha: alpha, loraTarget: targets } = config.warmup;
  const adapter = initialAdapter(text, { rank, alpha, targets }, () => 0.5);
  const bytes = 4 * adapter.parameters.reduce((sum, { values }) => sum + values.length, 0);
  return { bytes, gradientLength: gradientLayout(adapter).length };
}
