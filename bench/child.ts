// The bench's side of a process that runs a part of it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { computeEnvironment, planComputeSlots, thisHost } from '../workers/compute-environment.ts';

/** A part of a bench that runs in a process of its own; see `child-process.ts`. */
export interface BenchChild {
  /** Runs a step to its end. @returns what the step returned */
  run<Result>(step: string): Promise<Result>;
  stop(): Promise<void>;
}

/** Sent in place of a step's name: nothing more will come. */
export const END = 'end';

/** What a child sends. */
export type ChildMessage = { result: unknown } | { error: string };

/**
 * Starts a process with the environment of a compute process on the CPU and makes the module's steps ready.
 *
 * @param module a bench with steps, by name
 * @param input for its `prepare`
 */
export async function startChild(
  module: string,
  input: unknown,
  nodeOptions: readonly string[] = [],
): Promise<BenchChild> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const program = fileURLToPath(new URL(`./child-process.${extension}`, import.meta.url));
  const child = fork(program, [module, JSON.stringify(input)], {
    env: computeEnvironment(planComputeSlots(thisHost(0), null)[0]!, process.env),
    execArgv: [...process.execArgv, ...nodeOptions],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  const ended = once(child, 'close') as Promise<[number | null, string | null]>;
  const answer = async (): Promise<unknown> => {
    const ending = ended.then(([code, signal]): ChildMessage => {
      return { error: `process ended with ${signal ?? `code ${code}`}\n${stderr}` };
    });
    const message = await Promise.race([once(child, 'message').then(([sent]) => sent as ChildMessage), ending]);
    if ('error' in message) throw new Error(`${module}: a step must end well, got ${message.error}`);
    return message.result;
  };
  await answer();
  return {
    run: <Result>(step: string): Promise<Result> => {
      child.send(step);
      return answer() as Promise<Result>;
    },
    stop: async () => {
      child.send(END);
      await ended;
    },
  };
}

/** Runs the same step in all processes at the same time. @returns ms until the last one was done */
export async function timeTogether(children: readonly BenchChild[], step: string): Promise<number> {
  const start = performance.now();
  await Promise.all(children.map((child) => child.run(step)));
  return performance.now() - start;
}

/** Starts as many processes of a kind, for as long as `work` takes. */
export async function withChildren<Result>(
  count: number,
  module: string,
  input: unknown,
  work: (children: readonly BenchChild[]) => Promise<Result>,
  nodeOptions: readonly string[] = [],
): Promise<Result> {
  const children = await Promise.all(Array.from({ length: count }, () => startChild(module, input, nodeOptions)));
  try {
    return await work(children);
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}
