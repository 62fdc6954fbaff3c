// What other programs use: recipes, runs, their results.
export { exportRun } from './export/export.ts';
export type { ExportForm } from '../contracts/export-forms.ts';
export { outcomeOf } from './terminal/outcome.ts';
export { loadPreset, loadRecipe } from './recipe/recipe.ts';
export type { LoadedRecipe, RecipeOptions } from './recipe/recipe.ts';
export { openRunFolder, runFolderOf, saveResult } from './runs/run-folder.ts';
export type { RunFolder } from './runs/run-folder.ts';
export { findRun, startReselection, startRun } from './runs/runs.ts';
export type { RunHandle, RunStatus, StartOptions } from './runs/runs.ts';
export type { WorkInProgress } from './runs/work-now.ts';
export {
  createSchedule,
  deleteSchedule,
  describeSchedule,
  lastScheduledResult,
  listSchedules,
} from './cluster/schedules.ts';
export { pauseSchedule, triggerSchedule } from './cluster/schedules.ts';
export type { ScheduleSummary, ScheduleTimes } from './cluster/schedules.ts';
export { openRuntime } from './cluster/runtime.ts';
export type { Runtime, RuntimeOptions } from './cluster/runtime.ts';
export { LocalStore } from '../store/local-store.ts';
export { openStore } from '../store/open-store.ts';
export type { Config } from '../contracts/config.ts';
export type { RunResult, StageProgress } from '../contracts/messages/run.ts';
