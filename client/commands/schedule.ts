// `tive schedule`: incremental runs at set times.
import { Command } from '@commander-js/extra-typings';
import type { Client } from '@temporalio/client';
import type { SelectionChange } from '../../contracts/messages/incremental.ts';
import { openStore } from '../../store/open-store.ts';
import { runFolderOf, saveResult } from '../runs/run-folder.ts';
import type * as schedulesModule from '../cluster/schedules.ts';

/** What is done to schedules, which loads with the first client. */
type Schedules = typeof schedulesModule;

/** `tive schedule`: incremental runs at set times, on a cluster. */
export function scheduleCommand() {
  const command = new Command('schedule').description('select again at set times, on a cluster with workers');
  command.addCommand(createCommand());
  const simple: [string, string, (client: Client, name: string, schedules: Schedules) => Promise<string>][] = [
    ['describe', 'when it runs, and what it has started', scheduleText],
    [
      'trigger',
      'start a run now, unless one is at work',
      async (client, name, { triggerSchedule }) => (await triggerSchedule(client, name), `${name} is started`),
    ],
    [
      'pause',
      'start no more runs',
      async (client, name, { pauseSchedule }) => (await pauseSchedule(client, name, true), `${name} is paused`),
    ],
    [
      'resume',
      'start runs again',
      async (client, name, { pauseSchedule }) => (await pauseSchedule(client, name, false), `${name} goes on`),
    ],
    [
      'delete',
      'remove the schedule; runs and results stay',
      async (client, name, { deleteSchedule }) => (await deleteSchedule(client, name), `${name} is deleted`),
    ],
    ['result', 'wait for the last run and put its result into the run folder', result],
  ];
  for (const [name, description, work] of simple) {
    const sub = withServer(new Command(name)).description(description).argument('<name>', 'name of the run');
    sub.action(async (run, options) => {
      await withClient(options, async (client, schedules) =>
        process.stdout.write(`${await work(client, run, schedules)}\n`),
      );
    });
    command.addCommand(sub);
  }
  const list = withServer(new Command('list')).description('names of all schedules');
  list.action(async (options) => {
    await withClient(options, async (client, { listSchedules }) => {
      for (const name of await listSchedules(client)) process.stdout.write(`${name}\n`);
    });
  });
  command.addCommand(list);
  return command;
}

function createCommand() {
  return withServer(new Command('create'))
    .description('schedule incremental runs of a recipe')
    .argument('<recipe>', 'recipe file')
    .argument('[settings...]', 'key.path=value, which win over the recipe')
    .option('--every <time>', 'e.g. 30m, 6h, 1d')
    .option('--cron <fields>', 'five fields, in UTC')
    .action(async (recipe, overrides, { every, cron, ...server }) => {
      const { loadRecipe } = await import('../recipe/recipe.ts');
      const loaded = loadRecipe(recipe, { overrides, checksFiles: false });
      await withClient(server, (client, { createSchedule }) => createSchedule(client, loaded, { every, cron }));
      process.stdout.write(`${loaded.runName} is scheduled; tive schedule describe ${loaded.runName}\n`);
    });
}

interface ServerOptions {
  address?: string | undefined;
  namespace?: string | undefined;
}

function withServer(command: Command) {
  return command
    .option('--address <host:port>', 'Temporal server; without it as Temporal’s own configuration says')
    .option('--namespace <name>', 'Temporal namespace');
}

async function withClient(
  { address = undefined, namespace = undefined }: ServerOptions,
  work: (client: Client, schedules: Schedules) => Promise<unknown>,
): Promise<void> {
  const { connectServer } = await import('../cluster/runtime.ts');
  const schedules = await import('../cluster/schedules.ts');
  const runtime = await connectServer({ address: address ?? null, namespace: namespace ?? null });
  try {
    await work(runtime.client, schedules);
  } finally {
    await runtime.close();
  }
}

async function scheduleText(client: Client, name: string, { describeSchedule }: Schedules): Promise<string> {
  const { paused, runCount, skippedCount, nextAt, recentRuns, running } = await describeSchedule(client, name);
  return [
    `${name}: ${paused ? 'paused' : 'active'}, ${runCount} runs started, ${skippedCount} skipped because one was at work`,
    `next: ${nextAt === null || paused ? 'none' : nextAt.toISOString()}`,
    ...recentRuns.map(({ workflowId, startedAt }) => {
      return `${startedAt.toISOString()}  ${workflowId}${running.includes(workflowId) ? '  at work' : ''}`;
    }),
  ].join('\n');
}

async function result(client: Client, name: string, { lastScheduledResult }: Schedules): Promise<string> {
  const last = await lastScheduledResult(client, name);
  const folder = runFolderOf(last.config, name);
  const reportPath = await saveResult(folder, openStore(last.config.store.uri), last);
  const { reselection } = last;
  const change = reselection?.change ?? null;
  return [
    ...(reselection === null
      ? []
      : [`reference model ${reselection.referenceModel.replace('_', ' ')}: ${reselection.reason}`]),
    ...(change === null ? [] : [changeLine(change)]),
    reportPath ?? folder.path,
  ].join('\n');
}

function changeLine({ enteredCount, leftCount, stayedCount, jaccard }: SelectionChange): string {
  return `${stayedCount} rows stayed, ${enteredCount} entered, ${leftCount} left (Jaccard ${jaccard.toFixed(3)})`;
}
