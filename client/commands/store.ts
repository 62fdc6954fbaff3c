// `tive store`: lists, verifies and cleans a store.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { LEASE_MS, readLeases } from '../../store/leases.ts';
import { openStore } from '../../store/open-store.ts';
import { recordFolder, RUNS_AREA } from '../../store/run-records.ts';
import type { Store } from '../../store/store.ts';
import type { ServerAddress } from '../../workers/connection.ts';
import { namedRun } from '../runs/find-run.ts';
import { isAgreed } from '../terminal/agree.ts';
import { EXIT } from '../terminal/outcome.ts';
import { checkArtifact } from '../cluster/store-check.ts';
import type { Damage } from '../cluster/store-check.ts';
import { takeInventory } from '../cluster/store-inventory.ts';
import { isOlder, madeFrom, setAsideAll } from '../cluster/store-repair.ts';
import type { StoredFolder } from '../cluster/store-inventory.ts';

const DAY_MS = 86_400_000;
const TELL_MS = 2000;

/** `tive store`: what lies in a store, whether it is whole, and what may go. */
export function storeCommand() {
  const command = new Command('store').description(
    'look after a store: how large it is, whether it is whole, what may go',
  );
  for (const one of [sizeCommand(), checkCommand(), cleanCommand()]) command.addCommand(one);
  return command;
}

function sizeCommand() {
  return withStoreOptions(new Command('size'))
    .description('bytes by stage, and those that no run refers to')
    .option('--json', 'one JSON object')
    .action(async ({ store: uri, runs, json }) => {
      const { artifacts, checkpoints, setAside, openWrites } = await takeInventory(openStore(uri), runs);
      const stages = [...new Set(artifacts.map(({ stage }) => stage))].sort().map((stage) => {
        const own = artifacts.filter((folder) => folder.stage === stage);
        return { name: stage, ...sumOf(own), unreferred: sumOf(own.filter(isUnreferred)) };
      });
      const rest = [
        { name: 'checkpoints', ...sumOf(checkpoints), unreferred: sumOf([]) },
        { name: 'set aside', ...sumOf(setAside), unreferred: sumOf(setAside) },
      ];
      if (json === true)
        return print(
          JSON.stringify({ stages, checkpoints: sumOf(checkpoints), setAside: sumOf(setAside), openWrites }),
        );
      print('              folders        bytes   unreferred');
      for (const { name, count, byteCount, unreferred } of [...stages, ...rest])
        print(`${name.padEnd(12)} ${cell(count, 8)} ${cell(byteCount, 12)} ${cell(unreferred.byteCount, 12)}`);
      print(`${openWrites.length} writes are not complete`);
    });
}

function checkCommand() {
  return withStoreOptions(new Command('check'))
    .description('read all artifacts and compare them with their hashes; exit code 1 where one is damaged')
    .option('--json', 'one JSON object a damage, one a line')
    .option(
      '--repair',
      'set damaged artifacts aside with all that was made from them, after asking; the next run makes them again',
    )
    .option('--yes', 'do not ask')
    .action(async ({ store: uri, runs, json, repair, yes }) => {
      const store = openStore(uri);
      const inventory = await takeInventory(store, runs);
      const { artifacts } = inventory;
      const damages: Damage[] = [];
      const tell = progressOf(sumOf(artifacts).byteCount);
      for (const artifact of artifacts) damages.push(...(await checkArtifact(store, artifact, tell)));
      for (const damage of damages) print(json === true ? JSON.stringify(damage) : inWords(damage));
      const folders = [...new Set(damages.map((damage) => damage.uri))];
      const derived = madeFrom(inventory, folders).map((artifact) => artifact.uri);
      if (json !== true) {
        for (const folder of derived) print(`${folder}: made from what is damaged`);
        print(`${artifacts.length} artifacts checked, ${folders.length} damaged${olderText(artifacts)}`);
      }
      if (folders.length === 0) return;
      process.exitCode = EXIT.failed;
      if (repair !== true) return;
      await refuseWhileRunning(runs);
      await refuseWhileLeased(store);
      const question = `set ${folders.length} damaged artifacts aside, and ${derived.length} that were made from them?`;
      if (!(await isAgreed(question, yes === true))) return;
      for (const folder of await setAsideAll(store, [...folders, ...derived])) print(`set aside: ${folder}`);
      print('run the recipe again; tive store clean removes what was set aside');
      process.exitCode = EXIT.done;
    });
}

function inWords({ key, problem, runs }: Damage): string {
  return `${key}: ${problem}; ${runs.length === 0 ? 'no run refers to it' : `runs: ${runs.join(', ')}`}`;
}

/** Manifests from before they had a hash of their own: their counts and numbers per task cannot be checked. */
function olderText(artifacts: readonly StoredFolder[]): string {
  const count = artifacts.filter(isOlder).length;
  return count === 0 ? '' : `; the numbers in ${count} older manifests have no hash, only their files have`;
}

function cleanCommand() {
  return withStoreOptions(new Command('clean'))
    .description('list what no finished run refers to, and remove it after asking')
    .option('--older-than <days>', 'only what was written longer ago', parseDays, 7)
    .option('--forget <run...>', 'forget what the store keeps of these runs by their names')
    .option('--address <host:port>', 'Temporal server of a cluster: refuses while runs are at work on it')
    .option('--namespace <name>', 'Temporal namespace of the cluster')
    .option('--yes', 'do not ask')
    .action(async ({ store: uri, runs, olderThan, forget, yes, address, namespace }) => {
      await refuseWhileRunning(runs);
      if (address !== undefined) await refuseWhileClusterRuns({ address, namespace: namespace ?? null });
      const store = openStore(uri);
      for (const one of forget ?? []) await forgetRun(store, one);
      const openRuns = await refuseWhileLeased(store);
      const before = Date.now() - olderThan * DAY_MS;
      const { artifacts, checkpoints, setAside, openWrites } = await takeInventory(store, runs);
      if (openRuns.length > 0 && checkpoints.length > 0)
        print(`checkpoints are kept, runs have not ended: ${openRuns.join(', ')}; --forget one of them where it has`);
      const alone = await keptAlone(store, runs);
      if (alone.length > 0) print(`kept by the store alone: ${alone.join(', ')}; --forget those that may go`);
      const idle = openRuns.length > 0 ? [] : checkpoints;
      const folders = [...artifacts.filter(isUnreferred), ...idle, ...setAside].filter(
        ({ modifiedMs }) => modifiedMs < before,
      );
      const writes = openWrites.filter(({ begunMs }) => begunMs < before);
      for (const { uri: folder, byteCount } of folders) print(`${cell(byteCount, 14)}  ${folder}`);
      for (const { key } of writes) print(`${'unfinished'.padStart(14)}  ${key}`);
      const { count, byteCount } = sumOf(folders);
      print(`${count} folders with ${cell(byteCount, 0)} bytes, ${writes.length} unfinished writes`);
      if (count + writes.length === 0) return;
      if (!(await isAgreed('remove all of it?', yes === true))) return;
      for (const folder of folders) await removeIdle(store, folder, before);
      for (const area of ['artifacts', 'checkpoints']) await store.endWrites(area, before);
      print('removed');
    });
}

/** Removes a folder unless it has been written to meanwhile. */
async function removeIdle(store: Store, { uri }: StoredFolder, before: number): Promise<void> {
  const files = await store.entries(uri);
  if (files.every(({ modifiedMs }) => modifiedMs < before)) await store.removeFolder(uri);
  else print(`${uri}: kept, a run writes to it`);
}

function withStoreOptions(command: Command) {
  return command
    .option('--store <uri>', 'a folder or s3://bucket/prefix', './tive-store')
    .option('--runs <folder>', 'folder of the runs', './runs');
}

/** An artifact that is not complete belongs to a run at work, or to none. */
function isUnreferred({ runs }: StoredFolder): boolean {
  return runs.length === 0;
}

function sumOf(folders: readonly StoredFolder[]): { count: number; byteCount: number } {
  return { count: folders.length, byteCount: folders.reduce((sum, { byteCount }) => sum + byteCount, 0) };
}

function cell(value: number, width: number): string {
  return value.toLocaleString('en-US').padStart(width);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Says every two seconds how far the reading is. */
function progressOf(totalBytes: number): (byteCount: number) => void {
  let [doneBytes, toldAt] = [0, performance.now()];
  return (byteCount) => {
    doneBytes += byteCount;
    if (performance.now() - toldAt < TELL_MS) return;
    toldAt = performance.now();
    process.stderr.write(`checked ${((100 * doneBytes) / totalBytes).toFixed(0)} % of ${cell(totalBytes, 0)} bytes\n`);
  };
}

function parseDays(text: string): number {
  const days = Number(text);
  if (text.trim() !== '' && days >= 0) return days;
  throw new InvalidArgumentError(`must be a number of days of at least 0, got "${text}"`);
}

/**
 * Leases lie in the store itself: they hold wherever the folder of the runs is.
 * @returns names of runs that have neither ended nor are at work
 * @throws InvalidConfigError while somebody is at work in the store
 */
async function refuseWhileLeased(store: Store): Promise<string[]> {
  const leases = await readLeases(store);
  const atWork = leases.find(({ isAtWork, ageMs }) => isAtWork && ageMs < LEASE_MS);
  if (atWork === undefined) return [...new Set(leases.map(({ run }) => run))].sort();
  const { run, holder, ageMs, key } = atWork;
  throw new InvalidConfigError(
    `store: runs must not be at work, got "${run}" by ${holder} ${Math.round(ageMs / 1000)} s ago (${key}); ` +
      `wait, or tive cancel ${run}; the lease of a process that died ends after ${LEASE_MS / 60_000} minutes`,
  );
}

/** Runs that the store knows by name and no folder here does: what they refer to stays. */
async function keptAlone(store: Store, runsFolder: string): Promise<string[]> {
  const names = new Set((await store.list(RUNS_AREA)).map((key) => key.split('/')[1]!));
  for (const name of await readdir(runsFolder).catch(() => [])) names.delete(name);
  return [...names].sort();
}

async function forgetRun(store: Store, run: string): Promise<void> {
  await store.removeFolder(recordFolder(run));
  for (const lease of await readLeases(store))
    if (lease.run === run) await store.removeFolder(lease.key.split('/').slice(0, -1).join('/'));
}

/** What a run at work has made so far is referred to by nothing yet. */
async function refuseWhileRunning(runsFolder: string): Promise<void> {
  for (const name of await readdir(runsFolder).catch(() => [])) {
    const { address } = await namedRun(name, runsFolder);
    if (address === null) continue;
    const { pid } = JSON.parse(await readFile(join(runsFolder, name, 'server.json'), 'utf8')) as { pid: number };
    throw new InvalidConfigError(
      `store: runs must not be at work, got "${name}" (process ${pid}); wait, or tive cancel ${name}`,
    );
  }
}

async function refuseWhileClusterRuns(server: ServerAddress): Promise<void> {
  const { connectServer } = await import('../cluster/runtime.ts');
  const { client, close } = await connectServer(server);
  try {
    const query = `ExecutionStatus = 'Running' AND WorkflowType IN ('tiveRun', 'tiveReselect')`;
    for await (const { workflowId } of client.workflow.list({ query }))
      throw new InvalidConfigError(
        `store: runs must not be at work, got ${workflowId} on ${server.address}; wait for it`,
      );
  } finally {
    await close();
  }
}
