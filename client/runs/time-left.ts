// How long a run still takes: by how fast its workers are now, and what its stages have to do.
import { planStages } from '../../activities/plan/plan-stages.ts';
import type { RunSoFar, StageProgress } from '../../contracts/messages/run.ts';
import type { PlannedStage, Probe } from '../../contracts/plan.ts';
import type { Stage } from '../../contracts/stages.ts';
import { workOf } from '../../contracts/work.ts';
import type { RunStatus } from './runs.ts';
import type { WorkInProgress } from './work-now.ts';

/** The stages that take the time. What the others take is not counted. */
const HEAVY = ['warmup', 'gradients', 'finetune', 'evaluation'] as const;

type HeavyStage = (typeof HEAVY)[number];

/**
 * Whose pace tells of a stage's, the best first: its own, then that of work of its kind, then any, by its passes. The
 * warm-up is one process's; where several share a machine, each is slower than it was alone, so it tells of none.
 */
const LIKE: Readonly<Record<HeavyStage, readonly HeavyStage[]>> = {
  warmup: ['warmup', 'finetune', 'gradients', 'evaluation'],
  gradients: ['gradients', 'warmup', 'finetune', 'evaluation'],
  finetune: ['finetune', 'warmup', 'gradients', 'evaluation'],
  evaluation: ['evaluation', 'finetune', 'warmup', 'gradients'],
};

/** A warm-up that took less says nothing of a pace. */
const LEAST_WARMUP_MS = 10_000;

/** What a stage has to do, in parts of one size: shards, trainings, models. A pass is one row, forward and backward. */
interface Load {
  partCount: number;
  /** As workers count them. */
  partRows: number;
  partPasses: number;
}

/** Seconds, as far as they can be known. */
export interface TimeLeft {
  /** Of the whole run: of all that is left of its heavy stages. Null where the pace of one of them is not known. */
  seconds: number | null;
  /** Of each heavy stage at work. */
  stages: Map<Stage, number>;
}

/** What the time follows from. */
export interface TimeFacts {
  status: Pick<RunStatus, 'stages' | 'working' | 'gate'>;
  found: RunSoFar;
  /** Compute processes that share the work. */
  processCount: number;
}

/**
 * The time that is left, by the proportions of the plan. Nothing is said of a run that is held, before any pace is
 * known, and of rounds of choosing before the last one.
 */
export function timeLeft(facts: TimeFacts): TimeLeft {
  const { status, found } = facts;
  const { gate } = status;
  const nothing: TimeLeft = { seconds: null, stages: new Map() };
  if (gate.isPaused || gate.awaitsApproval || found.rows === null) return nothing;
  const stages = new Map<Stage, number>();
  const all = secondsByStage(facts);
  for (const { stage, state } of status.stages) {
    const seconds = all.get(stage) ?? null;
    if (state === 'running' && seconds !== null) stages.set(stage, seconds);
  }
  const seconds = [...all.values()].reduce((sum, one) => (sum === null || one === null ? null : sum + one), 0);
  const isLast = (found.config.selection.rounds ?? 1) === 1 || !all.has('gradients');
  return { seconds: isLast && seconds !== 0 ? seconds : null, stages };
}

/** Of each heavy stage that has not ended; null where its load or its pace is not known. */
function secondsByStage({ status: { stages, working }, found, processCount }: TimeFacts) {
  const loads = loadsOf(found);
  const paces = pacesOf(stages, working, loads, found);
  const seconds = new Map<Stage, number | null>();
  for (const stage of HEAVY) {
    const line = stages.find((one) => one.stage === stage);
    const isOpen = line?.state === 'waiting' || line?.state === 'running';
    const load = loads.get(stage);
    if (!isOpen || load === undefined) continue;
    const pace = LIKE[stage]
      .filter((like) => like === stage || like !== 'warmup' || processCount === 1)
      .map((like) => paces.get(like))
      .find((known) => known !== undefined);
    const isKnown = load !== null && pace !== undefined;
    seconds.set(
      stage,
      isKnown ? (partsLeft(line, load, working.get(stage), processCount) * load.partPasses) / pace : null,
    );
  }
  return seconds;
}

/** A plan of passes in the place of seconds: each row takes one, whatever its length. */
const ONE_A_ROW: Probe = { engine: '', rowCount: 0, tokenCount: 0, secondsPerToken: 1, secondsPerImage: 0 };

/** Heavy stages that the run does; null for one whose rows are not known yet. */
function loadsOf({ config, until, rows, testRowCount }: RunSoFar): Map<HeavyStage, Load | null> {
  const { rowCount, usableCount } = rows!;
  const work = workOf(config, until);
  const planned = planStages({
    config,
    work,
    layers: [],
    rows: { rowCount, usableCount, tokenCount: usableCount, imageRowCount: 0, secondsPerRow: 0 },
    testRowCount,
    queries: null,
    probe: ONE_A_ROW,
    isCached: () => false,
  });
  const loads = new Map<HeavyStage, Load | null>();
  for (const stage of HEAVY) {
    const plan = planned.find((one) => one.stage === stage);
    // An adapter that was given is read.
    if (plan === undefined || plan.partCount === null) continue;
    const partCount = stage === 'warmup' ? 1 : stage === 'finetune' ? work.methods.length : plan.partCount;
    const partRows = rowsOf(plan, partCount, config);
    loads.set(stage, plan.seconds === null ? null : { partCount, partRows, partPasses: plan.seconds / partCount });
  }
  return loads;
}

/** Rows of a part, as workers count them when they have done them. */
function rowsOf(
  { stage, rowCount, schedule }: PlannedStage,
  partCount: number,
  { evaluation }: RunSoFar['config'],
): number {
  const rows = rowCount ?? 0;
  if (stage === 'gradients') return rows / partCount;
  if (stage === 'evaluation') return rows * (evaluation.generate === true ? 2 : 1);
  return rows * (schedule?.epochs ?? 1);
}

/** Passes that one process does a second, at each stage of which that is known. */
function pacesOf(
  stages: readonly StageProgress[],
  working: RunStatus['working'],
  loads: ReadonlyMap<HeavyStage, Load | null>,
  { wasPaused }: RunSoFar,
): Map<HeavyStage, number> {
  const paces = new Map<HeavyStage, number>();
  for (const [stage, load] of loads) {
    const { rowsPerSecond = null, pacedCount = 0 } = working.get(stage) ?? {};
    if (load !== null && rowsPerSecond !== null && rowsPerSecond > 0 && load.partRows > 0)
      paces.set(stage, ((rowsPerSecond / pacedCount) * load.partPasses) / load.partRows);
  }
  const lineOf = (stage: Stage): StageProgress | undefined => stages.find((line) => line.stage === stage);
  const warmup = lineOf('warmup');
  // Where rows come from an earlier run, so may a part of the training; where it was held, it took longer.
  const isWhole = lineOf('dataset')?.state === 'done' && warmup?.state === 'done' && !wasPaused;
  const durationMs = warmup?.durationMs ?? 0;
  const load = loads.get('warmup');
  if (isWhole && durationMs >= LEAST_WARMUP_MS && load) paces.set('warmup', (1000 * load.partPasses) / durationMs);
  return paces;
}

/** Parts that are left of a stage, one after the other on the process that ends last. */
function partsLeft(
  { state, doneCount, totalCount }: StageProgress,
  { partCount }: Load,
  work: WorkInProgress | undefined,
  processCount: number,
): number {
  const isCounted = state === 'running' && (doneCount > 0 || (work?.pacedCount ?? 0) > 0);
  if (!isCounted) return lastEnd([], partCount, processCount);
  const open = Math.max(0, totalCount - doneCount);
  const begun = [...(work?.shares ?? [])].sort((left, right) => right - left).slice(0, open);
  const ends = begun.map((share) => 1 - share);
  return lastEnd(ends, open - begun.length, processCount);
}

/**
 * When the last of so many processes ends, in times of a part: each takes a waiting part whenever it is free.
 * @param ends of what is in work, each in [0, 1]
 */
export function lastEnd(ends: readonly number[], waitingCount: number, processCount: number): number {
  const free = [...ends].sort((left, right) => left - right);
  const waiting = waitingCount + Math.max(0, free.length - processCount);
  const first = [...Array<number>(Math.max(0, processCount - free.length)).fill(0), ...free].slice(0, processCount);
  // Ends lie within one part of each other: in every round of waiting parts each process takes one.
  const rounds = Math.floor(waiting / processCount);
  const rest = waiting % processCount;
  const latest = Math.max(first.at(-1)!, rest === 0 ? 0 : first[rest - 1]! + 1);
  return rounds + latest;
}
