// A dataset that changes under a schedule: node dist/examples/schedule-story.js
// Creates a schedule, starts it, edits, adds and removes rows, starts it again, and prints what changed and why.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createSchedule,
  deleteSchedule,
  describeSchedule,
  lastScheduledResult,
  loadPreset,
  openRuntime,
  triggerSchedule,
} from '../client/index.ts';
import type { RunResult } from '../client/index.ts';

interface Row {
  dataset: string;
  conversations: { from: string; value: string }[];
}

// The demo's first rows, in a file of our own that we may change.
const folder = mkdtempSync(join(tmpdir(), 'tive-story-'));
const data = join(folder, 'train.json');
const demo = loadPreset('demo').config.dataset.path[0]!;
const rows = (JSON.parse(readFileSync(demo, 'utf8')) as Row[]).filter((_, index) => index % 6 === 0);
const save = (content: Row[]): void => writeFileSync(data, JSON.stringify(content));
save(rows);

const settings = [
  `dataset.path=${data}`,
  `store.uri=${join(folder, 'store')}`,
  `run.output_dir=${join(folder, 'runs')}`,
];
const { config } = loadPreset('demo', { overrides: [...settings, 'finetune.enabled=false', 'run.name=story'] });
const runName = 'story';

const runtime = await openRuntime({
  address: null,
  databasePath: join(folder, 'temporal.db'),
  log: () => undefined,
  say: (text) => console.error(text),
});
const { client } = runtime;

/** Starts the schedule now and waits for the run. */
async function reselect(wanted: number): Promise<RunResult> {
  await triggerSchedule(client, runName);
  while ((await describeSchedule(client, runName)).runCount < wanted)
    await new Promise((resolve) => setTimeout(resolve, 200));
  return lastScheduledResult(client, runName);
}

try {
  await createSchedule(client, { runName, config }, { cron: '0 3 * * *' });
  console.log(`scheduled every night; next ${(await describeSchedule(client, runName)).nextAt?.toISOString()}`);

  const first = await reselect(1);
  console.log(`first run: ${first.methods[0]!.selection!.rowCount} of ${first.dataset!.usableCount} rows selected`);

  const unchanged = await reselect(2);
  console.log(`nothing changed: ${unchanged.reselection!.reason}`);

  const changed = rows.filter((_, index) => index % 50 !== 7);
  for (let index = 0; index < changed.length; index += 100) changed[index]!.conversations[1]!.value = 'bag';
  save([
    ...changed,
    ...changed.slice(0, 10).map((row) => ({ ...row, conversations: [...row.conversations, ...row.conversations] })),
  ]);
  const { reselection } = await reselect(3);
  console.log(`after the edit: reference model ${reselection!.referenceModel}, ${reselection!.reason}`);
  const { stayedCount, enteredCount, leftCount, jaccard, entered, left } = reselection!.change!;
  console.log(`${stayedCount} rows stayed, ${enteredCount} entered, ${leftCount} left; Jaccard ${jaccard.toFixed(3)}`);
  for (const { reason, count } of entered) console.log(`  entered: ${count} ${reason}`);
  for (const { reason, count } of left) console.log(`  left: ${count} ${reason}`);
  await deleteSchedule(client, runName);
} finally {
  await runtime.close();
}
