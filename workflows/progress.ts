// A run's progress, stage by stage.
import { defineQuery, setCurrentDetails } from '@temporalio/workflow';
import type { RunSoFar, StageProgress, StageState } from '../contracts/messages/run.ts';
import { STAGES } from '../contracts/stages.ts';
import type { Stage } from '../contracts/stages.ts';

/** Where the run stands, stage by stage. */
export const progressQuery = defineQuery<StageProgress[]>('progress');

/** What the run has found so far. */
export const foundQuery = defineQuery<RunSoFar>('found');

/** The run's stages as a person sees them: in the progress display, in Temporal's own UI and in the report. */
export class RunProgress {
  readonly stages: StageProgress[] = STAGES.map((stage) => ({
    stage,
    state: 'waiting',
    detail: '',
    doneCount: 0,
    totalCount: 0,
    startedAtMs: null,
    durationMs: null,
  }));

  /** Marks a stage as running, with the number of parts that it has. */
  start(stage: Stage, totalCount = 1): void {
    const line = this.#line(stage);
    Object.assign(line, { state: 'running', totalCount, startedAtMs: line.startedAtMs ?? Date.now() });
    this.#show();
  }

  /** Counts one finished part. */
  advance(stage: Stage, count = 1): void {
    this.#line(stage).doneCount += count;
    this.#show();
  }

  /** Says what a stage in work is at. */
  describe(stage: Stage, detail: string): void {
    this.#line(stage).detail = detail;
    this.#show();
  }

  /** Closes a stage with its facts in words. */
  finish(stage: Stage, state: StageState, detail: string): void {
    const line = this.#line(stage);
    Object.assign(line, {
      state,
      detail,
      doneCount: line.totalCount,
      durationMs: Date.now() - (line.startedAtMs ?? Date.now()),
    });
    this.#show();
  }

  /** Shows a finished stage at work again, until what it is at is done. */
  async goOn<Result>(stage: Stage, detail: string, work: () => Promise<Result>): Promise<Result> {
    const line = this.#line(stage);
    const before = { ...line };
    Object.assign(line, { state: 'running', detail });
    this.#show();
    const result = await work();
    Object.assign(line, before, { durationMs: Date.now() - (line.startedAtMs ?? Date.now()) });
    this.#show();
    return result;
  }

  /** Marks what was in work when the run failed. */
  fail(): void {
    for (const line of this.stages) {
      if (line.state !== 'running') continue;
      Object.assign(line, { state: 'failed', durationMs: Date.now() - (line.startedAtMs ?? Date.now()) });
    }
    this.#show();
  }

  /** Marks everything after the last wanted stage. */
  skipAfter(until: Stage): void {
    for (const line of this.stages.slice(STAGES.indexOf(until) + 1)) line.state = 'skipped';
  }

  #line(stage: Stage): StageProgress {
    return this.stages[STAGES.indexOf(stage)]!;
  }

  #show(): void {
    const rows = this.stages.map(({ stage, state, detail, doneCount, totalCount }) => {
      const count = state === 'running' && totalCount > 1 && detail === '' ? `${doneCount} of ${totalCount}` : detail;
      return `| ${stage} | ${state} | ${count} |`;
    });
    setCurrentDetails(['| stage | state | |', '| --- | --- | --- |', ...rows].join('\n'));
  }
}
