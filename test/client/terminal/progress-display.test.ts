import { describe, expect, test, vi } from 'vitest';
import { createProgressDisplay, fractionOf, stageLines } from '../../../client/terminal/progress-display.ts';
import type { RunStatus } from '../../../client/runs/runs.ts';
import type { WorkInProgress } from '../../../client/runs/work-now.ts';
import type { StageProgress } from '../../../contracts/messages/run.ts';
import { STAGES } from '../../../contracts/stages.ts';
import type { Stage } from '../../../contracts/stages.ts';

/** What is shown of work. */
type Work = Pick<WorkInProgress, 'doneCount' | 'totalCount' | 'doneParts'>;

const UNKNOWN = { shares: [], rowsPerSecond: null, pacedCount: 0, workers: [] };

function status(lines: Partial<Record<Stage, Partial<StageProgress>>>, working: [Stage, Work][] = []): RunStatus {
  const stages = STAGES.map((stage): StageProgress => ({
    stage,
    state: 'waiting',
    detail: '',
    doneCount: 0,
    totalCount: 1,
    startedAtMs: null,
    durationMs: null,
    ...lines[stage],
  }));
  const work = working.map(([stage, shown]): [Stage, WorkInProgress] => [stage, { ...UNKNOWN, ...shown }]);
  return {
    stages,
    gate: { isPaused: false, awaitsApproval: false },
    retryCount: 0,
    failures: [],
    trainings: [],
    working: new Map(work),
  };
}

/** A stream that keeps what was written. */
function recorder(columns?: number) {
  const written: string[] = [];
  const stream = { columns, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream;
  return { stream, written };
}

describe('share of a stage', () => {
  const part = (doneCount: number, totalCount: number, doneParts: number): Work => ({
    doneCount,
    totalCount,
    doneParts,
  });
  test.each<[string, Partial<StageProgress>, Work | null, number | null]>([
    ['waiting', { state: 'waiting' }, null, 0],
    ['done', { state: 'done' }, null, 1],
    ['running without news', { state: 'running' }, null, null],
    ['one part half done', { state: 'running', totalCount: 1 }, part(50, 100, 0.5), 0.5],
    ['shards done and in work', { state: 'running', doneCount: 3, totalCount: 8 }, part(30, 60, 1), 0.5],
    ['never above 1', { state: 'running', doneCount: 8, totalCount: 8 }, part(9, 9, 1), 1],
  ])('%s', (_, line, work, expected) => {
    const { stages, ...rest } = status({ gradients: line }, work === null ? [] : [['gradients', work]]);
    expect(fractionOf(stages[2]!, { stages, ...rest })).toBe(expected);
  });
});

describe('on a terminal', () => {
  test('lines are redrawn in place, cut to the width', () => {
    const { stream, written } = recorder(40);
    const display = createProgressDisplay(stream, true);
    const running = status(
      {
        dataset: { state: 'done', detail: '7,968 rows  10 tasks', durationMs: 9000 },
        gradients: { state: 'running', totalCount: 4, doneCount: 2 },
      },
      [['gradients', { doneCount: 10, totalCount: 20, doneParts: 0.5 }]],
    );
    display.show(running);
    expect(written[0]).toBe(
      '\x1b[2K✔ dataset     7,968 rows  10 tasks  9 s\n\x1b[2K⠙ gradients   ███████▌░░░░ 62 %  of 4 s\n'.replace(
        '▌',
        '█',
      ),
    );
    display.show(running);
    expect(written[1]!.startsWith('\x1b[2A\x1b[2K✔ dataset')).toBe(true);
  });

  test('beside the share of a stage stand its own counts, or how many parts it is of', () => {
    const { stream, written } = recorder(100);
    const line = (lines: Parameters<typeof status>[0], ...working: [Stage, Work][]): string => {
      createProgressDisplay(stream, true).show(status(lines, working));
      return written.at(-1)!.trimEnd();
    };
    const steps = { doneCount: 118, totalCount: 288, doneParts: 118 / 288 };
    expect(line({ warmup: { state: 'running' } }, ['warmup', steps])).toMatch(/ 40 % {2}118\/288 steps$/);
    // Two of four trainings in work, one done.
    const two = { doneCount: 100, totalCount: 184, doneParts: 100 / 92 };
    expect(line({ finetune: { state: 'running', totalCount: 4, doneCount: 1 } }, ['finetune', two])).toMatch(
      / 52 % {2}of 4 trainings, 1 done$/,
    );
    expect(line({ dataset: { state: 'running' } }, ['dataset', { doneCount: 5, totalCount: 0, doneParts: 0 }])).toMatch(
      /dataset {5}5 rows$/,
    );
  });

  test('what runs is at 99 % at most, and says that it is finishing where its parts are done', () => {
    const { stream, written } = recorder(100);
    const all = status({ gradients: { state: 'running', totalCount: 8, doneCount: 8, startedAtMs: 0 } });
    createProgressDisplay(stream, true).show(all);
    expect(written[0]).toMatch(/ 99 % {2}of 8 shards, 8 done {2}finishing\n$/);
  });

  test('the time left is told from what was done since the command began, not from what was there', () => {
    vi.useFakeTimers();
    try {
      const { stream, written } = recorder(100);
      const display = createProgressDisplay(stream, true);
      const at = (doneParts: number): RunStatus => {
        const rows = { doneCount: Math.round(1000 * doneParts), totalCount: 1000, doneParts };
        return status({ gradients: { state: 'running', startedAtMs: Date.now() - 5000 } }, [['gradients', rows]]);
      };
      display.show(at(0.8));
      expect(written[0]).not.toContain('left');
      vi.advanceTimersByTime(10_000);
      display.show(at(0.9));
      expect(written[1]).toContain('  10 s left');
    } finally {
      vi.useRealTimers();
    }
  });

  test('a failed stage and retries are seen', () => {
    const { stream, written } = recorder(100);
    const broken = status({
      warmup: { state: 'failed' },
      gradients: { state: 'running', doneCount: 1, totalCount: 2 },
    });
    createProgressDisplay(stream, true).show({ ...broken, retryCount: 3 });
    expect(written[0]).toContain('✖ warmup');
    expect(written[0]).toMatch(/gradients .*50 %.* {2}3 retries/);
  });
});

describe('elsewhere', () => {
  test('a plain line comes for news and for each 5 %, and no more', () => {
    const { stream, written } = recorder();
    const display = createProgressDisplay(stream, false);
    const at = (doneParts: number): RunStatus =>
      status({ gradients: { state: 'running' } }, [
        ['gradients', { doneCount: Math.round(100 * doneParts), totalCount: 100, doneParts }],
      ]);
    for (const done of [0, 0.01, 0.05, 0.06, 0.1]) display.show(at(done));
    display.show(status({ gradients: { state: 'done', detail: '100 rows', durationMs: 120_000 } }));
    expect(written).toEqual([
      'gradients: running\n',
      'gradients: 5 %  5/100 rows\n',
      'gradients: 10 %  10/100 rows\n',
      'gradients: done  100 rows  2.0 min\n',
    ]);
  });

  test('a stage without news is named again after a minute', () => {
    vi.useFakeTimers();
    try {
      const { stream, written } = recorder();
      const display = createProgressDisplay(stream, false);
      display.show(status({ warmup: { state: 'running' } }));
      vi.advanceTimersByTime(59_000);
      display.show(status({ warmup: { state: 'running' } }));
      expect(written).toHaveLength(1);
      vi.advanceTimersByTime(2_000);
      display.show(status({ warmup: { state: 'running' } }));
      expect(written).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test('stages that wait or are skipped are not named', () => {
    expect(
      stageLines(status({ dataset: { state: 'cached', detail: '5 rows' }, report: { state: 'skipped' } })),
    ).toEqual(['dataset: cached  5 rows']);
  });

  test('what is left of a stage is by the pace of its workers, where that is known', () => {
    const shown = status({
      gradients: { state: 'running', totalCount: 8, doneCount: 2, startedAtMs: Date.now() - 100 },
    });
    expect(stageLines(shown, new Map([['gradients', 600]]))).toEqual([
      'gradients: 25 %  of 8 shards, 2 done  10 min left',
    ]);
    expect(stageLines(shown)).toEqual(['gradients: 25 %  of 8 shards, 2 done  1 s left']);
  });
});
