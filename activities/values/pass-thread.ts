// A thread that does one pass over a part of the gradient table, and ends.
import { parentPort, workerData } from 'node:worker_threads';
import { openStore } from '../../store/open-store.ts';
import { runPass } from './pass.ts';
import type { PassRequest } from './pass.ts';
import type { ThreadAnswer, ThreadWork } from './passes.ts';
import type { GradientTable } from '../../tables/gradients.ts';

const { storeUri, table, request } = workerData as ThreadWork;
const answer = await work(storeUri, table, request);
parentPort!.postMessage(answer);

async function work(uri: string, part: GradientTable, asked: PassRequest): Promise<ThreadAnswer> {
  try {
    return { result: await runPass(openStore(uri), part, asked, () => Promise.resolve()) };
  } catch (error) {
    // A copy of an error between threads keeps neither its class's name nor its own fields.
    const { name, message, ...fields } = error as Error;
    return { error: { ...fields, name, message: message || String(error) } };
  }
}
