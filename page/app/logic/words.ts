// Numbers, times and states in words, beside those of the report.
import type { RunLine, RowState, StageAtWork } from '../../api.ts';
import { count, duration, number } from '../../../report/format.ts';
import type { StageProgress } from '../../../contracts/messages/run.ts';
import { STAGE_PARTS } from '../../../contracts/stages.ts';

export const STATE_WORDS: Readonly<Record<RunLine['state'], string>> = {
  running: 'running',
  waiting: 'waits for you',
  done: 'done',
  stopped: 'stopped',
  failed: 'failed',
  away: 'no worker',
};

/** Of runs that no folder of this machine knows. */
export const PLACE_WORDS = { cluster: 'on the cluster', store: 'in the store' } as const;

export const ROW_STATE_WORDS: Readonly<Record<RowState, string>> = {
  selected: 'selected',
  left_out: 'left out',
  set_aside: 'set aside',
};

/** `about 3 min left`, by minutes from 90 s on; '' where nobody knows. */
export function leftWords(seconds: number | null): string {
  if (seconds === null) return '';
  const rounded = seconds < 90 ? Math.max(1, Math.ceil(seconds)) : Math.ceil(seconds / 60) * 60;
  return `about ${duration(rounded * 1000).replace(/\u00a00\u00a0s$/, '')} left`;
}

/** `3 min ago`, `yesterday`, or the day: `2026-05-01`; the time itself for what is no time. */
export function agoWords(at: string, nowMs: number): string {
  const ms = Date.parse(at);
  if (Number.isNaN(ms)) return at;
  const minutes = Math.floor((nowMs - ms) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return new Date(ms).toISOString().slice(0, 10);
}

/** `14:03:27` of a time of a log, as the clock of the page; the time itself for what is no time. */
export function clockWords(at: string): string {
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? at : new Date(ms).toTimeString().slice(0, 8);
}

/** Share of a stage's work that is done, in [0, 1]; null for one at work of which nobody knows. */
export function stageShare({ state, doneCount, totalCount }: StageProgress): number | null {
  if (state === 'waiting') return 0;
  if (state !== 'running') return 1;
  return totalCount === 0 || doneCount === 0 ? null : Math.min(1, doneCount / totalCount);
}

/** `118 of 288 steps`, of a stage in one part; of several, `20 of 64 shards` that are done. */
export function stageCounts({ stage, doneCount, totalCount }: StageProgress, work: StageAtWork | undefined): string {
  if (totalCount > 1) return `${count(doneCount)} of ${count(totalCount)} ${STAGE_PARTS[stage] ?? 'parts'}`;
  if (work === undefined || work.doneCount === 0) return '';
  const unit = stage === 'warmup' ? 'steps' : 'rows';
  const of = work.totalCount === 0 ? '' : ` of ${count(work.totalCount)}`;
  return `${count(work.doneCount)}${of} ${unit}`;
}

/** `61.5 rows a second, about 2 min left`, as far as they are known. */
export function paceWords({ rowsPerSecond, secondsLeft }: Pick<StageAtWork, 'rowsPerSecond' | 'secondsLeft'>): string {
  const pace = rowsPerSecond === null ? '' : `${number(rowsPerSecond)}\u00a0rows a second`;
  return [pace, leftWords(secondsLeft)].filter((words) => words !== '').join(', ');
}

/** Of what runs never all is done: `99 %` at most. */
export function shareWords(share: number): string {
  return `${Math.min(99, Math.floor(share * 100))}\u00a0%`;
}

/** `1.4 GB`, by 1000; a dash for null. */
export function bytesWords(bytes: number | null): string {
  if (bytes === null) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)}\u00a0${units[power]}`;
}

/** A long task name for a narrow place keeps both ends. */
export function middleCut(text: string, length: number): string {
  const characters = [...text];
  if (characters.length <= length) return text;
  const head = Math.ceil((length - 1) / 2);
  return `${characters.slice(0, head).join('')}…${characters.slice(characters.length - (length - 1 - head)).join('')}`;
}

/** A value of a log line's attributes, as text. */
export function attributeWords(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
