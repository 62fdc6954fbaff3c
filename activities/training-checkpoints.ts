import type { Stage } from '../contracts/stages.ts';
import { encodeSafetensors, openSafetensors } from '../model/safetensors.ts';
import type { TrainingState } from '../model/training.ts';
import { checkpointFolder, sha256 } from '../store/addresses.ts';
import type { Store } from '../store/store.ts';
import type { StepNumbers } from './tune-adapter.ts';

/** A training run at the end of a step. */
interface TrainingCheckpoint {
  state: TrainingState;
  losses: StepNumbers[];
}

/** Exact states of a training run in the store: one file each, named by step and hash, of which the newest whole one counts. */
export interface TrainingCheckpoints {
  save(state: TrainingState, losses: readonly StepNumbers[]): Promise<void>;
  latest(): Promise<TrainingCheckpoint | null>;
}

/** @param names of the parameters, in order */
export function createTrainingCheckpoints(
  store: Store,
  stage: Stage,
  address: string,
  names: readonly string[],
): TrainingCheckpoints {
  const folder = checkpointFolder(stage, address);
  return {
    async save({ parameters, optimizer }, losses) {
      const part = (kind: string, arrays: readonly Float32Array[]) =>
        arrays.map((values, index) => ({ name: `${kind}/${names[index]}`, shape: [values.length], values }));
      const tensors = [
        ...part('parameter', parameters),
        ...part('first', optimizer.first),
        ...part('second', optimizer.second),
      ];
      const bytes = encodeSafetensors(tensors, { step: String(optimizer.step), losses: JSON.stringify(losses) });
      await store.write(`${folder}/${fileName(optimizer.step, sha256(bytes))}`, [bytes]);
    },
    async latest() {
      const keys = await store.list(folder);
      for (const key of keys.reverse()) {
        const bytes = await store.read(key);
        // A damaged checkpoint costs the work since the one before, never the run.
        if (!key.endsWith(fileName(stepOf(key), sha256(bytes)))) continue;
        return read(`${await store.localFolder(folder)}/${key.slice(folder.length + 1)}`, bytes, names);
      }
      return null;
    },
  };
}

function fileName(step: number, hash: string): string {
  return `step-${String(step).padStart(8, '0')}-${hash.slice(0, 16)}.safetensors`;
}

function stepOf(key: string): number {
  return Number(/step-(\d+)-/.exec(key)?.[1] ?? -1);
}

async function read(path: string, bytes: Uint8Array, names: readonly string[]): Promise<TrainingCheckpoint> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = JSON.parse(view.toString('utf8', 8, 8 + Number(view.readBigUInt64LE(0)))) as {
    __metadata__: { step: string; losses: string };
  };
  const file = await openSafetensors(path);
  try {
    const part = (kind: string) => Promise.all(names.map((name) => file.read(`${kind}/${name}`)));
    const [parameters, first, second] = await Promise.all([part('parameter'), part('first'), part('second')]);
    const { step, losses } = header.__metadata__;
    return {
      state: { parameters, optimizer: { step: Number(step), first, second } },
      losses: JSON.parse(losses) as StepNumbers[],
    };
  } finally {
    await file.close();
  }
}
