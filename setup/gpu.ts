// The GPUs of this machine.
import { findProgram, runProgram } from './commands.ts';

/** NVIDIA GPUs as the driver lists them, e.g. `GPU 0: NVIDIA H200 (UUID: …)`; none without a driver. */
export async function listGpus(): Promise<string[]> {
  const program = await findProgram('nvidia-smi');
  if (program === null) return [];
  try {
    const { stdout } = await runProgram(program, ['-L']);
    return stdout.split('\n').filter((line) => line.startsWith('GPU '));
  } catch {
    return [];
  }
}
