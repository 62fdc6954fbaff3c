// torch behind the seam: an engine's process, and what it says of itself and of models.
import type { Dtype } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import type { Engine, ModelDescription, TorchDescription } from '../engine.ts';
import { TorchChild } from './child.ts';
import { describedModel } from './described-model.ts';
import { TorchModel } from './model.ts';
import { requireTorchPython } from './python.ts';

/** What the process answers to `describe`. */
interface Described {
  torch: string;
  transformers: string;
  peft: string;
  device: 'cpu' | 'cuda';
  deviceName: string;
  instructionSet: string;
  threads: number;
  bfloat16: boolean;
  tf32: boolean;
}

/** 2: the last layer's feed-forward part sees the tokens alone whose output is read. */
const REVISION = 2;

/**
 * Starts the engine's process.
 * @param dtype `auto` = bfloat16 on a GPU, else float32
 * @throws InvalidConfigError without a Python that has torch, or for a dtype that the device does not have
 */
export async function loadTorch(dtype: Dtype): Promise<Engine> {
  const child = new TorchChild({ python: requireTorchPython(), log: (line) => console.error(`torch: ${line}`) });
  try {
    const description = descriptionOf((await child.call('describe')).result, dtype);
    return {
      description,
      fallbackReason: null,
      loadModel: (folder, breathe, recompute = false) =>
        TorchModel.load(child, { folder, dtype: description.dtype, recompute }, breathe),
      describeModel: async (folder): Promise<ModelDescription> =>
        describedModel(child, folder, (await child.call('inspect', { folder })).result, description.transformers),
      isLost: () => child.hasEnded(),
      dispose: () => child.dispose(),
    };
  } catch (error) {
    await child.dispose();
    throw error;
  }
}

function descriptionOf(result: JsonObject, dtype: Dtype): TorchDescription {
  const { torch, device, threads, bfloat16, ...described } = result as unknown as Described;
  if (dtype === 'bfloat16' && !bfloat16)
    throw new InvalidConfigError(
      `model.dtype: must be one that the device computes in, got bfloat16 on ${described.deviceName}; set float32`,
    );
  const { transformers, peft, deviceName, instructionSet, tf32 } = described;
  return {
    engine: 'torch',
    revision: REVISION,
    libraryVersion: torch,
    transformers,
    peft,
    device: device === 'cuda' ? 'gpu' : 'cpu',
    deviceName,
    instructionSet,
    threadCount: threads,
    dtype: dtype === 'auto' ? (device === 'cuda' && bfloat16 ? 'bfloat16' : 'float32') : dtype,
    tf32,
  };
}
