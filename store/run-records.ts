// What a store keeps of runs by their names: the one thing in it that is not addressed by its content.

/** Folder of all of them; each run has one of its name below. */
export const RUNS_AREA = 'runs';

/** The last result of a run. */
export const RESULT_FILE = 'result.json';

/** The last result of an incremental run, with what its dataset was. */
export const LAST_FILE = 'last.json';

/** Folder of a run's records. */
export function recordFolder(runName: string): string {
  return `${RUNS_AREA}/${runName}`;
}
