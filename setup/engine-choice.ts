// Which TensorFlow library a machine gets: pure, from what is known of the machine.

/** TensorFlow release whose library the addon is linked against. */
export const TENSORFLOW_VERSION = '2.21.0';

/** What decides which library is taken. */
export interface EngineHost {
  platform: NodeJS.Platform;
  architecture: NodeJS.Architecture;
  /** NVIDIA GPUs that the driver reports. */
  gpuCount: number;
  /** Whether the user said `TIVE_GPU=0`. */
  refusesGpu: boolean;
}

export interface EngineChoice {
  /** Requirement for pip, or null where no library fits this machine. */
  wheel: string | null;
  /** Whether the CUDA libraries must be installed beside it. */
  usesGpu: boolean;
  /** Names of the two libraries that the addon is linked against. */
  libraries: string[];
  /** Why there is none, in words; null where there is one. */
  reason: string | null;
}

/**
 * The wheel for a machine: the GPU library with an NVIDIA GPU, else the CPU library. On Linux x86-64 the CPU library is
 * a package of its own; elsewhere the plain package is.
 */
export function chooseEngine({ platform, architecture, gpuCount, refusesGpu }: EngineHost): EngineChoice {
  const usesGpu = platform === 'linux' && gpuCount > 0 && !refusesGpu;
  const none = (reason: string): EngineChoice => ({ wheel: null, usesGpu: false, libraries: [], reason });
  if (platform === 'linux' && (architecture === 'x64' || architecture === 'arm64')) {
    const name = architecture === 'x64' && !usesGpu ? 'tensorflow-cpu' : 'tensorflow';
    return {
      wheel: `${name}==${TENSORFLOW_VERSION}`,
      usesGpu,
      libraries: ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'],
      reason: null,
    };
  }
  if (platform === 'darwin' && architecture === 'arm64') {
    const libraries = ['libtensorflow_cc.2.dylib', 'libtensorflow_framework.2.dylib'];
    return { wheel: `tensorflow==${TENSORFLOW_VERSION}`, usesGpu: false, libraries, reason: null };
  }
  return none(`no TensorFlow library is published for ${platform} ${architecture}`);
}

/** Requirements of the CUDA libraries that the GPU wheel loads at run time; pip resolves their versions. */
export function cudaRequirement(): string {
  return `tensorflow[and-cuda]==${TENSORFLOW_VERSION}`;
}

/** `LD_LIBRARY_PATH` with every `nvidia/<library>/lib` folder first: it must be set before Node starts. */
export function libraryPath(folders: readonly string[], inherited: string | undefined): string {
  return [...folders, ...(inherited === undefined || inherited === '' ? [] : [inherited])].join(':');
}
