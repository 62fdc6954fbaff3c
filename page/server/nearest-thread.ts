// A thread that looks for the nearest rows of a run, so that other answers need not wait.
import { parentPort, workerData } from 'node:worker_threads';
import { NearestRows } from '../../client/runs/nearest-rows.ts';
import type { NearestAnswer, NearestWork } from './nearest.ts';

const { result, mostBytes } = workerData as NearestWork;
let opened: Promise<NearestRows | null> | null = null;

parentPort!.on('message', (rows: number[]) => {
  void answer(rows).then((told) => parentPort!.postMessage(told));
});

async function answer(rows: number[]): Promise<NearestAnswer> {
  try {
    opened ??= NearestRows.open(result, mostBytes);
    const tables = await opened;
    return { nearest: tables === null ? rows.map(() => []) : await tables.nearest(rows) };
  } catch (error) {
    opened = null;
    return { problem: (error as Error).message };
  }
}
