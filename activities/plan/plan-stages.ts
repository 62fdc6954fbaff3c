// What each stage of a run has to do, and what that takes.
import { requestedRows } from '../../algorithms/allocate-budget.ts';
import { stepCountOf, trainingSchedule } from '../../algorithms/training-schedule.ts';
import { warmupRowCount } from '../../algorithms/warmup-sample.ts';
import type { Config, ScheduleSettings } from '../../contracts/config.ts';
import { addsCheckpoints } from '../../contracts/queries.ts';
import type { PlannedStage, Probe, RunPlan } from '../../contracts/plan.ts';
import type { Stage } from '../../contracts/stages.ts';
import { reaches } from '../../contracts/work.ts';
import type { Work } from '../../contracts/work.ts';
import { adapterSizes } from '../../model/memory/count-memory.ts';
import { trajectoryOf } from '../gradients/earlier-losses.ts';
import { isPreconditioned, tableBytes } from '../gradients/table-place.ts';
import type { LinearLayer } from '../../model/weight-shapes.ts';

/** Rows, as far as they are known. */
export interface RowFacts extends Pick<RunPlan, 'rowCount' | 'usableCount' | 'tokenCount' | 'imageRowCount'> {
  /** Of reading a row's text and making its prompt, as a sample took. */
  secondsPerRow: number;
}

/** Part of a forward and backward pass that a forward pass takes. */
const FORWARD_SHARE = 1 / 3;

/** Stages whose artifacts are looked for. */
export type FoundStage = 'dataset' | 'warmup' | 'gradients' | 'values';

/** Everything that the stages are planned from. */
export interface PlanFacts {
  config: Config;
  work: Work;
  layers: readonly LinearLayer[];
  rows: RowFacts;
  /** Test rows; null where none are scored. */
  testRowCount: number | null;
  /** Rows outside the dataset whose gradients are queries; null where there are none. */
  queries: { rowCount: number; isCached: boolean } | null;
  /** Null where none was made: then times are not known. */
  probe: Probe | null;
  isCached: (stage: FoundStage) => boolean;
}

/** The stages that the run does, in order. */
export function planStages(facts: PlanFacts): PlannedStage[] {
  const { config, work, rows, isCached } = facts;
  const { rowCount, usableCount } = rows;
  const sizes = adapterBytes(facts);
  const budget = Math.round(requestedRows(config.allocation, usableCount, rowCount));
  const stages: PlannedStage[] = [
    planned('dataset', { isCached: isCached('dataset'), rowCount, seconds: readingSeconds(facts) }),
    planWarmup(facts, sizes.bytes),
    planGradients(facts, sizes.gradientLength, budget),
    planned('values', { isCached: isCached('values'), rowCount: usableCount }),
    planned('allocation', { rowCount: budget }),
    planned('selection', { rowCount: budget, partCount: work.methods.length, unit: 'methods' }),
    ...(work.finetunes ? [planFinetune(facts, budget, sizes.bytes)] : []),
    ...(work.evaluates ? [planEvaluation(facts)] : []),
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
  const trained = training(facts, sampled, config.warmup);
  // Two moments a parameter, where they are kept.
  const copies = Math.max(1, trajectoryOf(config)) + (isPreconditioned(config) ? 2 : 0);
  return planned('warmup', { ...found, diskBytes: copies * diskBytes, ...trained });
}

/** A place for each checkpoint of the warm-up at which gradients are taken beside its end. */
function earlierCheckpoints({ config, work }: PlanFacts): unknown[] {
  const isAsked =
    reaches(work.until, 'selection') && work.methods.some((method) => addsCheckpoints(method, config.selection));
  return Array.from({ length: isAsked ? Math.max(0, trajectoryOf(config) - 1) : 0 });
}

/** The gradients of the dataset, of the queries, and of the rows of every round but the first, with its training. */
function planGradients(facts: PlanFacts, gradientLength: number, budget: number): PlannedStage {
  const { config, rows, queries, isCached } = facts;
  const asked = queries === null ? [] : [[queries.rowCount, 1] as const];
  const narrowed = reaches(facts.work.until, 'selection') ? roundRows(config, rows.usableCount, budget) : [];
  const taken = [
    // Losses at earlier checkpoints of the warm-up are forward passes beside.
    ...(isCached('gradients')
      ? []
      : [[rows.usableCount, 1 + FORWARD_SHARE * Math.max(0, trajectoryOf(config) - 1)] as const]),
    ...(queries?.isCached === true ? [] : asked),
    // Rows and queries at every checkpoint before the end.
    ...earlierCheckpoints(facts).flatMap(() => [[rows.usableCount, 1] as const, ...asked]),
    // Each round's model values the queries anew.
    ...narrowed.flatMap((rowCount) => [[rowCount, 1] as const, ...asked]),
  ];
  const seconds = [
    ...taken.map(([rowCount, passes]) => secondsFor(facts, rowCount, passes)),
    ...narrowed.map((rowCount) => training(facts, rowCount, config.finetune).seconds),
    ...narrowed.map(() => scoringSeconds(facts)),
  ];
  return planned('gradients', {
    isCached: taken.length === 0,
    rowCount: rows.usableCount,
    partCount: Math.ceil(rows.usableCount / config.gradients.shardRows),
    unit: 'shards',
    diskBytes: (taken.length === 0 ? [[rows.usableCount] as const] : taken).reduce(
      (sum, [rowCount]) => sum + tableBytes(config, gradientLength, rowCount),
      0,
    ),
    seconds: facts.probe === null ? null : seconds.reduce<number>((sum, one) => sum + (one ?? 0), 0),
  });
}

/** Rows that each round but the last leaves: N · (B/N)^(r/k) after round r of k. */
function roundRows({ selection: { rounds = 1 } }: Config, usableCount: number, budget: number): number[] {
  return Array.from({ length: rounds - 1 }, (_, index) =>
    Math.round(usableCount * (budget / Math.max(1, usableCount)) ** ((index + 1) / rounds)),
  );
}

/**
 * Every model scores all test rows, and reads them once more where it answers them too; rows are taken to be as long as
 * those of the dataset.
 */
function planEvaluation(facts: PlanFacts): PlannedStage {
  const modelCount = facts.work.methods.length + 1;
  const seconds = scoringSeconds(facts);
  return planned('evaluation', {
    rowCount: facts.testRowCount,
    partCount: modelCount,
    unit: 'models',
    seconds: seconds && modelCount * seconds,
  });
}

/** One model on all test rows; null where none are scored, or no time is known. */
function scoringSeconds(facts: PlanFacts): number | null {
  const passCount = facts.config.evaluation.generate === true ? 2 : 1;
  return facts.testRowCount === null ? null : secondsFor(facts, facts.testRowCount, passCount * FORWARD_SHARE);
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

/** Reading and checking all rows, pictures included; null where nothing was tried. */
function readingSeconds({ rows, probe }: PlanFacts): number | null {
  return probe === null ? null : rows.rowCount * rows.secondsPerRow + rows.imageRowCount * probe.secondsPerImage;
}

/**
 * The sum of what is not cached, on so many processes: shards of gradients, trainings and scorings of the methods are
 * shared out, all else is one process's. Null where no time is known.
 */
export function totalSeconds(
  stages: readonly PlannedStage[],
  processCount: number,
  methodCount: number,
): number | null {
  const known = stages.filter(({ isCached, seconds }) => !isCached && seconds !== null);
  if (known.length === 0) return null;
  const partsOf = ({ stage, partCount }: PlannedStage): number =>
    stage === 'gradients' || stage === 'evaluation' ? (partCount ?? 1) : stage === 'finetune' ? methodCount : 1;
  return known.reduce((sum, stage) => {
    const parts = Math.max(1, partsOf(stage));
    return sum + (stage.seconds! / parts) * Math.ceil(parts / processCount);
  }, 0);
}

/** Forward and backward pass of so many rows, each picture encoded once. */
function secondsFor({ rows, probe }: PlanFacts, rowCount: number, epochs: number): number | null {
  if (probe === null) return null;
  const tokens = (epochs * rows.tokenCount) / Math.max(1, rows.usableCount);
  const images = rows.imageRowCount / Math.max(1, rows.usableCount);
  return rowCount * (tokens * probe.secondsPerToken + images * probe.secondsPerImage);
}

/** Bytes of an adapter, and coordinates of a whole gradient. */
function adapterBytes({ config, layers }: PlanFacts): { bytes: number; gradientLength: number } {
  const { loraRank: rank, loraTarget: targets } = config.warmup;
  const { parameterCount, gradientLength } = adapterSizes(layers, { rank, targets });
  return { bytes: 4 * parameterCount, gradientLength };
}
