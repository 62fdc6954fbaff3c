// What the page asks its server, and what it is told: JSON both ways, below `/api`. Times are ISO 8601.
import type { RunPlan } from '../contracts/plan.ts';
import type { StageProgress } from '../contracts/messages/run.ts';
import type { Stage } from '../contracts/stages.ts';

/**
 * Ways in. All but `POST` change nothing; `POST` needs the header `x-tive-token` and is refused in a read-only page.
 *
 * - `GET  /api/session` {@link Session}
 * - `GET  /api/runs` {@link RunLine}[]
 * - `GET  /api/events` server-sent events: `runs` {@link RunLine}[] when they change, `run` {@link RunView} of
 *   `?run=NAME` when it changes, `places` {@link AskedPlaces} when they change; at most one of each a second
 * - `GET  /api/runs/NAME` {@link RunView}
 * - `POST /api/runs/NAME/pause | resume | approve | cancel` {@link Said}
 * - `GET  /api/runs/NAME/log?stage=S&limit=N` {@link LogLine}[], the newest last
 * - `GET  /api/runs/NAME/report` the report's HTML
 * - `GET  /api/runs/NAME/rows?…` {@link RowPage}; the query is {@link RowQuery} as search parameters
 * - `GET  /api/runs/NAME/rows/INDEX` {@link RowView}
 * - `GET  /api/runs/NAME/rows/INDEX/nearest` {@link NearRow}[], the nearest first; of large tables after a while
 * - `GET  /api/runs/NAME/rows/INDEX/pictures/N?edge=PIXELS` a picture drawn anew as WebP, longest edge at most 1024
 * - `POST /api/runs/NAME/what-if` {@link WhatIfQuestion} → {@link WhatIf}; whoever goes away ends the work
 * - `POST /api/runs/NAME/export` {@link ExportQuestion} → {@link Said}
 * - `POST /api/runs/NAME/exclude` {@link ChosenQuestion} → {@link Excluded}: writes a list beside the page's recipes
 * - `GET  /api/compare?left=NAME&right=NAME` {@link Comparison}
 * - `GET  /api/recipe/schema` the JSON schema of recipes, with descriptions and defaults
 * - `POST /api/recipe/check` {@link RecipeText} → {@link CheckedRecipe}
 * - `POST /api/recipe/plan` {@link RecipeText} → {@link RunPlan}, or {@link Problem}
 * - `POST /api/recipe/save | run` {@link RecipeText} → {@link Said}; `run` saves it too
 *
 * What is wrong comes as {@link Problem} with status 400, 403, 404 or 409.
 */
export const API = '/api';

/** What the page may do, and where it looks. */
export interface Session {
  version: string;
  isReadOnly: boolean;
  /** Folder of the runs, as it is shown. */
  runsFolder: string;
  places: AskedPlaces;
  /** Sent back with every `POST`. */
  token: string;
}

/** Where a page looks beside its folder, and why it cannot see there; null where it sees. */
export interface AskedPlaces {
  cluster: { address: string; problem: string | null } | null;
  store: { uri: string; problem: string | null } | null;
}

/** All places where runs are looked for: `./runs, on temporal:7233, in s3://team/tive`. */
export function placesWords(folder: string, places: AskedPlaces | null): string {
  const { cluster = null, store = null } = places ?? {};
  const others = [cluster && `on ${cluster.address}`, store && `in ${store.uri}`];
  return [folder, ...others.filter((each) => each !== null)].join(', ');
}

/** Why something was not done, as the command line says it. */
export interface Problem {
  message: string;
}

/** That something was done. */
export interface Said {
  message: string;
  /** Name of the run that it made, if it made one. */
  runName: string | null;
  /** The command that does the same. */
  command: string;
}

/** A run in the list. */
export interface RunLine {
  runName: string;
  /** Where it is known: a run of the folder is no other place's, though it is at work there. */
  place: 'folder' | 'cluster' | 'store';
  kind: 'run' | 'benchmark';
  state: 'running' | 'waiting' | 'done' | 'stopped' | 'failed' | 'away';
  /** Stage at work, or the last one done. */
  stage: string | null;
  /** Share of its stages that is done, in [0, 1]. */
  share: number | null;
  /** Of the whole run; null where nobody can know. */
  secondsLeft: number | null;
  /** First sentence of the verdict. */
  verdict: string | null;
  dataset: string | null;
  method: string | null;
  rowCount: number | null;
  selectedCount: number | null;
  changedAt: string;
}

/** One run, as it stands. */
export interface RunView extends RunLine {
  stages: StageProgress[];
  warnings: string[];
  notes: string[];
  /** Why it failed; null where it has not. */
  reason: string | null;
  /** The whole verdict, sentence by sentence. */
  verdictLines: string[];
  isPaused: boolean;
  /** Quotas that wait for a person; null where none do. */
  awaitedQuotas: { task: string; rows: number; quota: number; equalQuota: number }[] | null;
  /** Stages at work, as far as their workers tell. */
  atWork: StageAtWork[];
  /** Losses of the trainings so far: `warmup`, then the methods; few of the steps where there are many. */
  curves: Curve[];
  hasReport: boolean;
  /** Temporal's own page of it; null where none is served. */
  temporalUrl: string | null;
  recipe: string;
}

/** What the workers of a stage are at. */
export interface StageAtWork {
  stage: Stage;
  /** Share that is done, in [0, 1]; null where nobody knows. */
  share: number | null;
  /** Rows or steps that are done and wanted of what is in work now; 0 wanted = not known. */
  doneCount: number;
  totalCount: number;
  /** Of all workers together. */
  rowsPerSecond: number | null;
  secondsLeft: number | null;
}

/** A training. */
export interface Curve {
  name: string;
  /** 0-based. */
  steps: number[];
  losses: number[];
  learningRates: number[];
  /** Steps in all of a training at work; null for one that is done. */
  stepCount: number | null;
}

export interface LogLine {
  at: string;
  level: string;
  message: string;
  stage: string | null;
  attributes: Record<string, unknown>;
}

export type RowState = 'selected' | 'left_out' | 'set_aside';

export const ROW_SORTS = ['row', 'value', 'loss', 'norm', 'tokens', 'rank', 'copies'] as const;
export type RowSort = (typeof ROW_SORTS)[number];

/** Which rows are wanted; what is left out does not matter. */
export interface RowQuery {
  offset: number;
  /** At most 500. */
  limit: number;
  sort?: RowSort;
  descending?: boolean;
  task?: string;
  state?: RowState;
  reason?: string;
  /** Contained in a turn, case folded. */
  text?: string;
  leastLoss?: number;
  mostLoss?: number;
  leastNorm?: number;
  mostNorm?: number;
  leastValue?: number;
  mostValue?: number;
}

/** What a query asks of rows, whatever their order and the part that is shown. */
export type RowConditions = Omit<RowQuery, 'offset' | 'limit' | 'sort' | 'descending'>;

/** All rows that conditions want, but for some: however many they are, none of them travels. */
export interface AllRows {
  filter: RowConditions;
  except: number[];
}

/** A part of the rows that a query wants. */
export interface RowPage {
  /** Rows that the query wants. */
  total: number;
  /** Rows of the run. */
  all: number;
  rows: RowLine[];
  /** For filters: tasks with their rows, reasons with theirs. */
  tasks: { task: string; count: number }[];
  reasons: { reason: string; count: number }[];
  /** Whether a search in texts has not read all rows yet: ask again for more. */
  isPartial: boolean;
}

export interface RowLine {
  rowIndex: number;
  id: string | null;
  task: string | null;
  state: RowState;
  reason: string | null;
  copies: number;
  value: number | null;
  loss: number | null;
  norm: number | null;
  tokens: number;
  pictureCount: number;
  /** First question and first answer, cut to 200 characters. */
  question: string | null;
  answer: string | null;
}

/** Everything of one row. */
export interface RowView extends RowLine {
  turns: { role: string; text: string }[];
  el2n: number | null;
  /** Rows of the task with a higher value, and rows of the task. */
  rank: number | null;
  taskRowCount: number | null;
  probability: number | null;
  /** Why it was selected, left out or set aside, in a sentence. */
  why: string;
  source: string;
}

/** A row whose gradient points nearly the same way as another one's. */
export interface NearRow {
  rowIndex: number;
  task: string | null;
  cosine: number;
}

/** Settings of another selection from the same gradients, as `tive select` takes them. */
export interface WhatIfQuestion {
  method: string;
  lambda: number | null;
  /** A share in (0, 1], or rows. */
  budget: number | null;
  filters: string[];
  /** Further `key.path=value` of values, allocation, selection. */
  settings: string[];
  /** Makes a run of it; else nothing is kept but what the store has. */
  isKept?: boolean;
}

/** The new selection beside the old one. */
export interface WhatIf {
  /** Null where no run was made of it. */
  runName: string | null;
  command: string;
  seconds: number;
  oldCount: number;
  newCount: number;
  /** Rows of both over rows of either. */
  jaccard: number;
  /** Rows drawn of each task in either selection, copies counted. */
  tasks: { task: string; rows: number; oldTaken: number; newTaken: number }[];
  /** Row indexes, the first 200 of each. */
  entering: number[];
  leaving: number[];
  enteringCount: number;
  leavingCount: number;
  warnings: string[];
}

export interface ExportQuestion extends ChosenQuestion {
  form: string;
}

/** Rows that a person chose. */
export interface ChosenQuestion {
  /** By their indexes; null = all of a filter, or of an export the selection. */
  rows: number[] | null;
  /** All of a filter, where `rows` is null; those that are set aside are left out. */
  all?: AllRows;
}

/** That chosen rows stand in a list which a recipe leaves out. */
export interface Excluded {
  message: string;
  /** The run without these rows, to be saved and run. */
  recipe: RecipeText;
  /** The command that selects without them from the gradients that are there. */
  command: string;
}

/** Two runs side by side. */
export interface Comparison {
  left: ComparedRun;
  right: ComparedRun;
  jaccard: number | null;
  bothCount: number;
  onlyLeft: number[];
  onlyRight: number[];
  onlyLeftCount: number;
  onlyRightCount: number;
  tasks: { task: string; left: number; right: number }[];
}

export interface ComparedRun {
  runName: string;
  method: string | null;
  selectedCount: number | null;
  scores: { method: string; accuracy: number; interval: [number, number] | null }[];
}

export interface RecipeText {
  /** YAML. */
  text: string;
  /** Name of the file that it is saved as, in the page's folder. */
  name: string;
}

/** What a recipe is found to be. */
export interface CheckedRecipe {
  /** Empty where it is right. */
  findings: { message: string; /** `gradients.sketch`; null for the whole. */ key: string | null }[];
  /** With all defaults; null where something is wrong. */
  resolved: string | null;
  runName: string | null;
  command: string;
}

export type PlanAnswer = RunPlan | Problem;
