// Versions of workers, so that runs stay on the one that began them.
import { InvalidConfigError } from '../contracts/failures.ts';

/** A version of the workers: runs stay on the one that began them. */
export interface DeploymentVersion {
  deploymentName: string;
  /** Differs between versions, e.g. a commit or an image's digest. */
  buildId: string;
}

/**
 * Reads the options of a worker.
 * @returns null for workers without versions
 * @throws InvalidConfigError where only one of the two is given
 */
export function deploymentVersion(
  deploymentName: string | undefined,
  buildId: string | undefined,
): DeploymentVersion | null {
  if (deploymentName === undefined && buildId === undefined) return null;
  if (deploymentName !== undefined && buildId !== undefined && !deploymentName.includes('.'))
    return { deploymentName, buildId };
  const got = `--deployment ${deploymentName ?? 'none'} --build-id ${buildId ?? 'none'}`;
  throw new InvalidConfigError(`worker: --deployment, a name without dots, and --build-id go together, got ${got}`);
}

/** Worker options of a version. A run is pinned: its workflow and all its activities go to workers of its version. */
export function deploymentOptions(version: DeploymentVersion | null | undefined) {
  if (version === null || version === undefined) return {};
  return {
    workerDeploymentOptions: {
      version,
      useWorkerVersioning: true as const,
      defaultVersioningBehavior: 'PINNED' as const,
    },
  };
}
