// The progress of a run in a terminal, or as plain lines.
import type { StageProgress } from '../../contracts/messages/run.ts';
import { STAGE_PARTS } from '../../contracts/stages.ts';
import type { Stage } from '../../contracts/stages.ts';
import type { RunStatus } from '../runs/runs.ts';

/** Shows where a run stands. */
export interface ProgressDisplay {
  show(status: RunStatus): void;
}

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const BAR_WIDTH = 12;
/** Plain output says something at least this often. */
const PLAIN_INTERVAL_MS = 60_000;
const PLAIN_STEP = 0.05;
/** The time left is told from what the last half minute has done, once a quarter of one was seen. */
const RATE_WINDOW_MS = 30_000;
const RATE_LEAST_MS = 8_000;

/** What one part of a stage counts. */
const UNITS: Partial<Record<Stage, string>> = { warmup: 'steps', finetune: 'steps' };

/** Lines that are redrawn on a terminal, plain lines elsewhere. */
export function createProgressDisplay(stream: NodeJS.WriteStream, isTerminal: boolean): ProgressDisplay {
  return isTerminal ? terminalDisplay(stream) : plainDisplay(stream);
}

function terminalDisplay(stream: NodeJS.WriteStream): ProgressDisplay {
  let drawn = 0;
  let tick = 0;
  const seen = new Map<Stage, Sample[]>();
  return {
    show(status) {
      tick += 1;
      const width = (stream.columns ?? 100) - 1;
      const lines = visible(status.stages).map((stage) =>
        terminalLine(stage, status, SPINNER[tick % SPINNER.length]!, remaining(stage, status, seen)).slice(0, width),
      );
      stream.write(`${drawn > 0 ? `\x1b[${drawn}A` : ''}${lines.map((line) => `\x1b[2K${line}`).join('\n')}\n`);
      drawn = lines.length;
    },
  };
}

function plainDisplay(stream: NodeJS.WriteStream): ProgressDisplay {
  const said = new Map<string, { state: string; fraction: number; atMs: number }>();
  return {
    show(status) {
      for (const stage of visible(status.stages)) {
        const last = said.get(stage.stage);
        const fraction = fractionOf(stage, status) ?? 0;
        const state = isHeld(stage, status) ? 'held' : stage.state;
        const isNews = last?.state !== state || fraction - last.fraction >= PLAIN_STEP;
        const isOld = last !== undefined && stage.state === 'running' && Date.now() - last.atMs > PLAIN_INTERVAL_MS;
        if (!isNews && !isOld) continue;
        said.set(stage.stage, { state, fraction, atMs: Date.now() });
        stream.write(`${plainLine(stage, status)}\n`);
      }
    },
  };
}

function visible(stages: readonly StageProgress[]): StageProgress[] {
  return stages.filter(({ state }) => state !== 'waiting' && state !== 'skipped');
}

/** Share of the stage that is done, or null where nobody knows. */
export function fractionOf(
  { stage, state, doneCount, totalCount }: StageProgress,
  { working }: RunStatus,
): number | null {
  if (state !== 'running') return state === 'waiting' ? 0 : 1;
  const inWork = working.get(stage);
  if (doneCount === 0 && (inWork === undefined || inWork.doneParts === 0)) return null;
  return Math.min(1, (doneCount + (inWork?.doneParts ?? 0)) / Math.max(1, totalCount));
}

/**
 * The stages as plain lines, with what is left of those in work, and what holds the run.
 * @param left seconds of stages by the pace of their workers, where that is known
 */
export function stageLines(status: RunStatus, left: ReadonlyMap<Stage, number> = new Map()): string[] {
  return visible(status.stages).map((stage) => {
    const fraction = stage.state === 'running' && !isHeld(stage, status) ? fractionOf(stage, status) : null;
    const seconds = left.get(stage.stage);
    const time = seconds === undefined ? remainingSinceStart(stage, fraction ?? 0) : leftText(1000 * seconds);
    return `${plainLine(stage, status)}${fraction === null ? '' : time}`;
  });
}

function terminalLine(stage: StageProgress, status: RunStatus, spinner: string, left: string): string {
  const name = stage.stage.padEnd(11);
  if (stage.state !== 'running')
    return `${stage.state === 'failed' ? '✖' : '✔'} ${name} ${stage.state === 'cached' ? 'cached  ' : ''}${stage.detail}  ${duration(stage)}`;
  if (isHeld(stage, status)) return `⏸ ${name} ${stage.detail || 'paused'}`;
  const fraction = fractionOf(stage, status);
  if (fraction === null) return `${spinner} ${name} ${countsOf(stage, status)}`;
  const full = Math.round(fraction * BAR_WIDTH);
  return `${spinner} ${name} ${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${shareText(fraction)}  ${countsOf(stage, status)}${left}${retries(status)}`;
}

function plainLine(stage: StageProgress, status: RunStatus): string {
  if (stage.state !== 'running') return `${stage.stage}: ${stage.state}  ${stage.detail}  ${duration(stage)}`.trimEnd();
  if (isHeld(stage, status)) return `${stage.stage}: ${stage.detail || 'paused'}`;
  const fraction = fractionOf(stage, status);
  return `${stage.stage}: ${fraction === null ? 'running' : shareText(fraction)}  ${countsOf(stage, status)}${retries(status)}`.trimEnd();
}

/** Whether a stage in work waits for a person. */
function isHeld({ stage }: StageProgress, { gate }: RunStatus): boolean {
  return gate.isPaused || (gate.awaitsApproval && stage === 'allocation');
}

/** The share of the stage's work; what runs is never all done. */
function shareText(fraction: number): string {
  return `${Math.min(99, Math.floor(fraction * 100))} %`;
}

/**
 * What the share is of. Of a stage in one part the share's own counts: `118/288 steps`; of several, which are of
 * different sizes, how many there are: the share counts those in work by what they have done.
 */
function countsOf({ stage, state, doneCount, totalCount }: StageProgress, { working }: RunStatus): string {
  const inWork = working.get(stage);
  if (state === 'running' && totalCount > 1 && (doneCount > 0 || (inWork?.doneParts ?? 0) > 0))
    return `of ${totalCount.toLocaleString('en')} ${STAGE_PARTS[stage] ?? 'parts'}, ${doneCount.toLocaleString('en')} done`;
  if (inWork === undefined || inWork.doneCount === 0) return '';
  const done = inWork.doneCount.toLocaleString('en');
  const unit = UNITS[stage] ?? 'rows';
  return inWork.totalCount === 0 ? `${done} ${unit}` : `${done}/${inWork.totalCount.toLocaleString('en')} ${unit}`;
}

/** How far a stage was. */
interface Sample {
  atMs: number;
  fraction: number;
}

/** The time left at the pace of the last half minute: what was there before the command says nothing about it. */
function remaining(stage: StageProgress, status: RunStatus, seen: Map<Stage, Sample[]>): string {
  const fraction = stage.state === 'running' ? fractionOf(stage, status) : null;
  if (fraction === null) return '';
  if (fraction >= 1) return '  finishing';
  const now = Date.now();
  const samples = [...(seen.get(stage.stage) ?? []), { atMs: now, fraction }];
  while (samples.length > 1 && samples[1]!.atMs <= now - RATE_WINDOW_MS) samples.shift();
  seen.set(stage.stage, samples);
  const [first] = samples;
  const rate = (fraction - first!.fraction) / (now - first!.atMs);
  if (now - first!.atMs < RATE_LEAST_MS || !(rate > 0)) return '';
  return leftText((1 - fraction) / rate);
}

/** The time left at the pace since the stage began, for who looks once. */
function remainingSinceStart(stage: StageProgress, fraction: number): string {
  const leftMs = leftSinceStart(stage, fraction);
  if (leftMs === null) return '';
  return fraction >= 1 ? '  finishing' : leftText(leftMs);
}

/** Milliseconds left at the pace since the stage began; null where nothing of it is done. */
export function leftSinceStart({ startedAtMs }: StageProgress, fraction: number): number | null {
  if (startedAtMs === null || fraction === 0) return null;
  return ((Date.now() - startedAtMs) * (1 - fraction)) / fraction;
}

/** `  12 min left` */
export function leftText(leftMs: number): string {
  return `  ${leftMs < 90_000 ? `${Math.ceil(leftMs / 1000)} s` : `${Math.ceil(leftMs / 60_000)} min`} left`;
}

function retries({ retryCount }: RunStatus): string {
  return retryCount > 0 ? `  ${retryCount} retries` : '';
}

function duration({ durationMs, state }: StageProgress): string {
  if (durationMs === null || state === 'cached') return '';
  return durationMs < 90_000 ? `${(durationMs / 1000).toFixed(0)} s` : `${(durationMs / 60_000).toFixed(1)} min`;
}
