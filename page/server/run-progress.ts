// How far a run at work is: the pace of its stages, and the curves of its trainings.
import type { LookedAtRun } from '../../client/runs/look-at-run.ts';
import type { RunCurve } from '../../client/runs/run-curves.ts';
import { fractionOf, leftSinceStart } from '../../client/terminal/progress-display.ts';
import type { StageProgress } from '../../contracts/messages/run.ts';
import type { Curve, StageAtWork } from '../api.ts';

type Look = Pick<LookedAtRun, 'progress' | 'left'>;

/** Stages at work; none where the run is held. */
export function stagesAtWork({ progress, left }: Look): StageAtWork[] {
  if (progress === null || progress.gate.isPaused) return [];
  const open = progress.stages.filter(({ state }) => state === 'running');
  return open.map((line): StageAtWork => {
    const { doneCount = 0, totalCount = 0, rowsPerSecond = null } = progress.working.get(line.stage) ?? {};
    const share = fractionOf(line, progress);
    return {
      stage: line.stage,
      share,
      doneCount,
      totalCount,
      rowsPerSecond,
      secondsLeft: wholeSeconds(left?.stages.get(line.stage) ?? secondsByShare(line, share)),
    };
  });
}

/** Of a stage that begins anew in each run: at the pace since it began. */
function secondsByShare(line: StageProgress, share: number | null): number | null {
  if (share === null || (line.stage !== 'dataset' && line.stage !== 'values')) return null;
  const leftMs = leftSinceStart(line, share);
  return leftMs === null ? null : leftMs / 1000;
}

/** Seconds as the page is told them. */
export function wholeSeconds(seconds: number | null | undefined): number | null {
  return seconds === null || seconds === undefined ? null : Math.ceil(seconds);
}

/** Trainings that are done and at work, in the order of the run. One that has just ended may be among both. */
export function curvesOf(done: readonly RunCurve[], { progress, found }: Pick<LookedAtRun, 'progress' | 'found'>) {
  const known = new Set(done.map(({ name }) => name));
  const working = (progress?.trainings ?? []).filter(({ name }) => !known.has(name));
  const curves: Curve[] = [...done.map((curve) => ({ ...curve, stepCount: null })), ...working];
  const order = ['warmup', ...(found?.methods.map(({ method }): string => method) ?? done.map(({ name }) => name))];
  return curves.sort((left, right) => order.indexOf(left.name) - order.indexOf(right.name));
}
