// Checkpoints of a training in the store: saved, and the newest found again.
import type { Stage } from '../../contracts/stages.ts';
import { encodeSafetensors, openSafetensors } from '../../model/safetensors.ts';
import type { AdamWState, TrainingState } from '../../model/engine.ts';
import type { StepNumbers } from '../../model/training.ts';
import { checkpointFolder, sha256 } from '../../store/addresses.ts';
import type { Store } from '../../store/store.ts';
import { verifiedFile } from '../../store/verified.ts';

/** A training run at the end of a step. */
export interface TrainingCheckpoint {
  state: TrainingState;
  losses: StepNumbers[];
  /** What the result is to hold beside the end, in order. */
  kept: KeptParameters[];
}

/** Parameters after some updates, and the moments where they are wanted. */
export interface KeptParameters {
  /** Updates done. */
  step: number;
  parameters: Float32Array[];
  moments?: Pick<AdamWState, 'first' | 'second'>;
}

/**
 * Exact states of a training run in the store: a folder each, named by step and hash. The newest whole one counts; the
 * one before it is kept as well, older ones are removed.
 */
export interface TrainingCheckpoints {
  /** @param kept what is kept of earlier steps, which a later attempt would not come by again */
  save(state: TrainingState, losses: readonly StepNumbers[], kept?: readonly KeptParameters[]): Promise<void>;
  latest(): Promise<TrainingCheckpoint | null>;
}

const FILE = 'state.safetensors';
const KEPT = 2;

/** @param names of the parameters, in order */
export function createTrainingCheckpoints(
  store: Store,
  stage: Stage,
  address: string,
  names: readonly string[],
): TrainingCheckpoints {
  const folder = checkpointFolder(stage, address);
  /** Folders of the states, newest first. */
  const folders = async (): Promise<string[]> => {
    const keys = await store.list(folder);
    return keys
      .filter((key) => key.endsWith(`/${FILE}`))
      .map((key) => key.slice(0, -FILE.length - 1))
      .reverse();
  };
  return {
    async save({ parameters, optimizer }, losses, kept = []) {
      const part = (kind: string, arrays: readonly Float32Array[]) =>
        arrays.map((values, index) => ({ name: `${kind}/${names[index]}`, shape: [values.length], values }));
      const tensors = [
        ...part('parameter', parameters),
        ...part('first', optimizer.first),
        ...part('second', optimizer.second),
        ...kept.flatMap(({ step, parameters: values, moments }) => [
          ...part(`kept/${step}`, values),
          ...(moments === undefined ? [] : part(`kept-first/${step}`, moments.first)),
          ...(moments === undefined ? [] : part(`kept-second/${step}`, moments.second)),
        ]),
      ];
      const metadata = { step: String(optimizer.step), losses: JSON.stringify(losses) };
      const steps = kept.map(({ step }) => step);
      const bytes = encodeSafetensors(tensors, kept.length === 0 ? metadata : { ...metadata, kept: steps.join() });
      const name = `step-${String(optimizer.step).padStart(8, '0')}-${sha256(bytes).slice(0, 16)}`;
      await store.write(`${folder}/${name}/${FILE}`, [bytes]);
      for (const old of (await folders()).slice(KEPT)) await store.removeFolder(old);
    },
    async latest() {
      for (const found of await folders()) {
        // A damaged checkpoint costs the work since the one before, never the run.
        const path = await verifiedFile(store, `${found}/${FILE}`, (hash) => found.endsWith(`-${hash.slice(0, 16)}`));
        if (path !== null) return read(path, names);
      }
      return null;
    },
  };
}

async function read(path: string, names: readonly string[]): Promise<TrainingCheckpoint> {
  const file = await openSafetensors(path);
  try {
    const part = (kind: string) => Promise.all(names.map((name) => file.read(`${kind}/${name}`)));
    const [parameters, first, second] = await Promise.all([part('parameter'), part('first'), part('second')]);
    const { step, losses, kept } = file.metadata as { step: string; losses: string; kept?: string };
    const steps = kept === undefined ? [] : kept.split(',').map(Number);
    const hasMoments = (own: number): boolean => file.tensors.has(`kept-first/${own}/${names[0]}`);
    const momentsAt = async (own: number): Promise<Pick<KeptParameters, 'moments'>> =>
      hasMoments(own)
        ? { moments: { first: await part(`kept-first/${own}`), second: await part(`kept-second/${own}`) } }
        : {};
    const keptAt = async (own: number): Promise<KeptParameters> => ({
      step: own,
      parameters: await part(`kept/${own}`),
      ...(await momentsAt(own)),
    });
    return {
      kept: await Promise.all(steps.map(keptAt)),
      state: { parameters, optimizer: { step: Number(step), first, second } },
      losses: JSON.parse(losses) as StepNumbers[],
    };
  } finally {
    await file.close();
  }
}
