// What other programs use: recipes, runs, their results.
export { exportRun } from './export.ts';
export type { ExportForm } from './export.ts';
export { outcomeOf } from './outcome.ts';
export { loadPreset, loadRecipe } from './recipe.ts';
export type { LoadedRecipe, RecipeOptions } from './recipe.ts';
export { openRunFolder, runFolderOf, saveResult } from './run-folder.ts';
export type { RunFolder } from './run-folder.ts';
export { findRun, startReselection, startRun } from './runs.ts';
export type { RunHandle, RunStatus, StartOptions, WorkInProgress } from './runs.ts';
export { createSchedule, deleteSchedule, describeSchedule, lastScheduledResult, listSchedules } from './schedules.ts';
export { pauseSchedule, triggerSchedule } from './schedules.ts';
export type { ScheduleSummary, ScheduleTimes } from './schedules.ts';
export { openRuntime } from './runtime.ts';
export type { Runtime, RuntimeOptions } from './runtime.ts';
export { LocalStore } from '../store/local-store.ts';
export { openStore } from '../store/open-store.ts';
export type { Config } from '../contracts/config.ts';
export type { RunResult, StageProgress } from '../contracts/messages.ts';
