// Moments of AdamW beside a finished adapter: one file of float32.
import { join } from 'node:path';
import { InvalidConfigError } from '../contracts/failures.ts';
import { fileSize } from '../contracts/outside-file.ts';
import type { AdapterValues } from './adapter.ts';
import type { AdamMoments, AdamWSettings, AdamWState, ProjectionSettings } from './engine.ts';
import { encodeSafetensors, openSafetensors } from './safetensors.ts';

/** Name of the file in the adapter's folder: of the end of the training, or of its state after so many updates. */
export function momentsFile(step?: number): string {
  return step === undefined ? 'adam_moments.safetensors' : `adam_moments-${String(step).padStart(8, '0')}.safetensors`;
}

/** Bytes of the moments of a training, by the parameters' names, with the betas that made them. */
export function encodeMoments(
  { parameters }: AdapterValues,
  { step, first, second }: AdamWState,
  { beta1, beta2 }: AdamWSettings,
): Uint8Array {
  const named = (kind: string, arrays: readonly Float32Array[]) =>
    parameters.map(({ name, shape }, index) => ({ name: `${kind}/${name}`, shape, values: arrays[index]! }));
  const metadata = { beta1: String(beta1), beta2: String(beta2), step: String(step) };
  return encodeSafetensors([...named('first', first), ...named('second', second)], metadata);
}

/**
 * The moments of an adapter, in the order of its parameters.
 * @param step of an earlier state of the same training; not there: its end
 * @throws InvalidConfigError where its folder has none, or none of these shapes
 */
export async function readMoments(folder: string, { parameters }: AdapterValues, step?: number): Promise<AdamMoments> {
  const path = join(folder, momentsFile(step));
  if ((await fileSize(path)) === null)
    throw new InvalidConfigError(
      'gradients.preconditioner: adam needs the moments of the warm-up’s training, got none beside the adapter; ' +
        'an adapter that was given has none, nor has the model of a round: set it to none',
    );
  const file = await openSafetensors(path);
  try {
    const all = (kind: string): Promise<Float32Array[]> =>
      Promise.all(
        parameters.map(({ name, shape }) => {
          const got = file.tensors.get(`${kind}/${name}`)?.shape.join() ?? 'nothing';
          if (got === shape.join()) return file.read(`${kind}/${name}`);
          throw new InvalidConfigError(`${momentsFile(step)}: ${kind}/${name} must be [${shape.join()}], got [${got}]`);
        }),
      );
    const { beta1, beta2 } = file.metadata as { beta1: string; beta2: string };
    return { beta1: Number(beta1), beta2: Number(beta2), first: await all('first'), second: await all('second') };
  } finally {
    await file.close();
  }
}

/** @throws InvalidConfigError where gradients are to be scaled that the projection never forms */
export function requireWholeGradients({ kind }: Pick<ProjectionSettings, 'kind'>): void {
  if (kind === 'kron')
    throw new InvalidConfigError(
      'gradients.preconditioner: adam needs whole gradients, which projection kron never forms; set projection: sparse',
    );
}
