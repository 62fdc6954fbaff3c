import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { processesWith } from '../client/tive-process.ts';
import { INSTALL_TIMEOUT_MS } from '../store/s3-server.ts';
import { startCluster } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { FAULTS } from './faults.ts';
import { planStrikes, refusalOf } from './plan.ts';
import { ChaosRun } from './run.ts';
import type { Undisturbed } from './run.ts';
import { chaosTable } from './table.ts';
import type { ChaosOutcome } from './table.ts';

/** By default the first runs of a full suite. */
const FULL_COUNT = 100;
const RUN_COUNT = Number(process.env['TIVE_CHAOS_RUNS'] ?? 6);
const SEED = Number(process.env['TIVE_CHAOS_SEED'] ?? 1);
/** Faults whose names hold this. */
const FAULT = process.env['TIVE_CHAOS_FAULT'] ?? '';
const TIMEOUT_MS = 300_000;

const chosen = FAULTS.filter(({ name }) => name.includes(FAULT));
const plan = planStrikes(Math.max(RUN_COUNT, FULL_COUNT), SEED, chosen).slice(0, RUN_COUNT);
const root = mkdtempSync(join(tmpdir(), 'tive-chaos-'));
const outcomes: ChaosOutcome[] = [];
let cluster: Cluster | string;
let undisturbed: Undisturbed;

beforeAll(async () => {
  cluster = await startCluster(root);
  if (typeof cluster === 'string') return;
  const run = new ChaosRun(cluster, 'undisturbed', 'folder');
  undisturbed = await run.outcome(null);
}, INSTALL_TIMEOUT_MS);

afterAll(async () => {
  if (outcomes.length > 0) console.log(`\n${chaosTable(outcomes)}\n`);
  if (typeof cluster !== 'string') await cluster.stop();
  const left = processesWith(root);
  rmSync(root, { recursive: true, force: true });
  expect(left).toEqual([]);
}, TIMEOUT_MS);

for (const [index, strikes] of plan.entries()) {
  const name = strikes
    .map(({ fault, stage, moment }) => `${fault.name} at ${stage} + ${moment.toFixed(2)}`)
    .join(', then ');
  test(`run ${index}: ${name}`, { timeout: TIMEOUT_MS }, async ({ skip }) => {
    if (typeof cluster === 'string') return skip(cluster);
    const live = cluster;
    const refusal = strikes.map(({ fault }) => refusalOf(fault, live)).find((reason) => reason !== null);
    if (refusal !== undefined) return skip(refusal);
    const run = new ChaosRun(live, `run-${index}`, strikes[0]!.fault.store);
    const outcome: ChaosOutcome = { struck: [], survived: false, longerSeconds: NaN };
    outcomes.push(outcome);
    try {
      for (const strike of strikes) outcome.struck.push(await run.strike(strike, undisturbed, SEED));
      const { seconds } = await run.outcome(undisturbed);
      outcome.longerSeconds = seconds - undisturbed.seconds;
      outcome.survived = true;
    } finally {
      run.close();
    }
  });
}
