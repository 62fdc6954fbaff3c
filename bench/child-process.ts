// A process of a bench: `child-process.js MODULE INPUT` prepares the module's steps, says so, and runs each step that
// it is sent by name. Ends when the bench says so, or ends itself.
import { END } from './child.ts';
import type { ChildMessage } from './child.ts';

/** Steps by name; what they return must be JSON. */
type Steps = Record<string, () => unknown>;

const MODULES: Readonly<Record<string, () => Promise<{ prepare(input: never): Steps | Promise<Steps> }>>> = {
  matmul: () => import('./matmul.ts'),
  gradients: () => import('./gradients.ts'),
  dataset: () => import('./dataset.ts'),
  inspect: () => import('./inspect.ts'),
  orchestration: () => import('./orchestration.ts'),
  'torch-demo': () => import('./torch-demo.ts'),
  page: () => import('./page.ts'),
  peak: () => import('./peak.ts'),
  select: () => import('./select.ts'),
  values: () => import('./values.ts'),
};

const [, , module, input] = process.argv;
const send = (message: ChildMessage): void => void process.send!(message);
const attempt = async (work: () => unknown): Promise<void> => {
  try {
    send({ result: (await work()) ?? null });
  } catch (error) {
    send({ error: error instanceof Error ? String(error.stack) : String(error) });
  }
};

let steps: Steps = {};
process.on('message', (step: string) => {
  if (step === END) process.exit(0);
  void attempt(() => steps[step]!());
});
process.on('disconnect', () => process.exit(0));
await attempt(async () => {
  const { prepare } = await MODULES[module!]!();
  steps = await prepare(JSON.parse(input!) as never);
});
