// The progress of a benchmark in a terminal, or as plain lines.
import type { CellProgress } from '../../contracts/messages/benchmark.ts';
import type { StageProgress } from '../../contracts/messages/run.ts';
import { durationText } from './terminal-text.ts';

/** Where a benchmark stands. */
export interface BenchmarkStatus {
  cells: readonly CellProgress[];
  /** Stages of the runs that are at work, by the run's name. */
  stages: ReadonlyMap<string, readonly StageProgress[]>;
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** Runs that are done and stay on the screen: the last ones. */
const SHOWN_DONE = 6;
/** The time left is told once so much of it all is done. */
const LEAST_SHARE = 0.02;

/** Shows a status: lines that are redrawn on a terminal, elsewhere a line for each run that ends. */
export function benchmarkDisplay(stream: NodeJS.WriteStream, isTerminal: boolean): (status: BenchmarkStatus) => void {
  const startedAtMs = Date.now();
  let firstShare: number | null = null;
  let [drawn, tick] = [0, 0];
  const said = new Set<string>();
  return (status) => {
    const share = doneShare(status);
    // What was in the store already says nothing about the pace.
    firstShare ??= share;
    const left = leftText(startedAtMs, firstShare, share);
    if (!isTerminal) {
      for (const cell of status.cells.filter(({ name, state }) => state === 'done' && !said.has(name))) {
        said.add(cell.name);
        stream.write(`${cellLine(cell)}${said.size === status.cells.length ? '' : `; ${totals(status)}${left}`}\n`);
      }
      return;
    }
    tick += 1;
    const width = (stream.columns ?? 100) - 1;
    const lines = [
      ...status.cells
        .filter(({ state }) => state === 'done')
        .slice(-SHOWN_DONE)
        .map((cell) => `✔ ${cellLine(cell)}`),
      ...status.cells
        .filter(({ state }) => state === 'running')
        .map(({ name }) => `${SPINNER[tick % SPINNER.length]!} ${name}  ${stageText(status.stages.get(name) ?? [])}`),
      `  ${totals(status)}${left}`,
    ].map((line) => line.slice(0, width));
    stream.write(`${drawn > 0 ? `\x1b[${drawn}A\x1b[0J` : ''}${lines.join('\n')}\n`);
    drawn = lines.length;
  };
}

/** `seed-1/15-percent/epochs: tive 57.8 %, random 52.9 %  41 s` */
export function cellLine({ name, scores, durationMs }: CellProgress): string {
  const words = scores.map(
    ({ method, macroAccuracy, macroGenerated = null }) =>
      `${method} ${percentOf(macroAccuracy)}${macroGenerated === null ? '' : ` (generated ${percentOf(macroGenerated)})`}`,
  );
  return `${name}: ${words.join(', ')}${durationMs === null ? '' : `  ${durationText(durationMs / 1000)}`}`;
}

function percentOf(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function stageText(stages: readonly StageProgress[]): string {
  const working = stages.filter(({ state }) => state === 'running');
  return working
    .map(({ stage, doneCount, totalCount }) => (totalCount > 1 ? `${stage} ${doneCount} of ${totalCount}` : stage))
    .join(', ');
}

function totals({ cells }: BenchmarkStatus): string {
  const done = cells.filter(({ state }) => state === 'done').length;
  return `${done} of ${cells.length} runs done`;
}

/** Share of all trainings, a run at work by its stages. */
export function doneShare({ cells, stages }: BenchmarkStatus): number {
  const total = cells.reduce((sum, { trainingCount }) => sum + trainingCount, 0);
  const done = cells.reduce((sum, { name, state, trainingCount }) => {
    if (state !== 'running') return state === 'done' ? sum + trainingCount : sum;
    const own = (stages.get(name) ?? []).filter(({ state: each }) => each !== 'skipped');
    const ended = own.filter(({ state: each }) => each === 'done' || each === 'cached').length;
    return sum + (own.length === 0 ? 0 : (trainingCount * ended) / own.length);
  }, 0);
  return total === 0 ? 1 : done / total;
}

function leftText(startedAtMs: number, firstShare: number, share: number): string {
  if (share - firstShare < LEAST_SHARE || share >= 1) return '';
  const seconds = (Date.now() - startedAtMs) / 1000;
  return `, about ${durationText((seconds * (1 - share)) / (share - firstShare))} left`;
}
