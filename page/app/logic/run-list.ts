// Which runs of the list are shown, and in which order.
import type { RunLine } from '../../api.ts';

export const RUN_SORTS = ['changed', 'name', 'state', 'dataset', 'method', 'share'] as const;
export type RunSort = (typeof RUN_SORTS)[number];

/** States in the order in which they want a person. */
export const RUN_STATES = ['waiting', 'running', 'failed', 'stopped', 'away', 'done'] as const;

export interface RunListQuery {
  /** '' = all. */
  state: string;
  /** Contained in name, dataset, method or verdict, case folded. */
  text: string;
  sort: RunSort;
  isDescending: boolean;
}

/** The query that the address says; the newest first where it says nothing. */
export function runListQuery(values: Readonly<Record<string, string>>): RunListQuery {
  const sort = RUN_SORTS.find((each) => each === values['sort']) ?? 'changed';
  const state = RUN_STATES.find((each) => each === values['state']) ?? '';
  const direction = values['order'] ?? (sort === 'changed' || sort === 'share' ? 'down' : 'up');
  return { state, text: values['text'] ?? '', sort, isDescending: direction === 'down' };
}

/** The runs that are wanted, sorted; equal ones by name. */
export function runsOf(runs: readonly RunLine[], { state, text, sort, isDescending }: RunListQuery): RunLine[] {
  const wanted = text.trim().toLowerCase();
  const kept = runs.filter(
    (run) =>
      (state === '' || run.state === state) &&
      [run.runName, run.dataset, run.method, run.verdict].some((part) => (part ?? '').toLowerCase().includes(wanted)),
  );
  const sign = isDescending ? -1 : 1;
  return kept.sort((left, right) => {
    const order = compare(keyOf(left, sort), keyOf(right, sort));
    return order === 0 ? compare(left.runName, right.runName) : sign * order;
  });
}

function keyOf(run: RunLine, sort: RunSort): string | number {
  switch (sort) {
    case 'changed':
      return Date.parse(run.changedAt);
    case 'name':
      return run.runName;
    case 'state':
      return RUN_STATES.indexOf(run.state);
    case 'dataset':
      return run.dataset ?? '';
    case 'method':
      return run.method ?? '';
    case 'share':
      return run.share ?? -1;
  }
}

function compare(left: string | number, right: string | number): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** How many runs are in each state; states that no run is in are left out. */
export function countsByState(runs: readonly RunLine[]): { state: RunLine['state']; count: number }[] {
  return RUN_STATES.map((state) => ({ state, count: runs.filter((run) => run.state === state).length })).filter(
    ({ count }) => count > 0,
  );
}
