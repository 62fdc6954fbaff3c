// Addresses of Temporal servers, and connections to them.
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import type { DeploymentVersion } from './deployment.ts';

/** Where the Temporal server is. */
export interface ServerAddress {
  /** host:port; null = Temporal's own environment configuration (profiles, `TEMPORAL_*`). */
  address: string | null;
  /** null = as configured there, else `default`. */
  namespace: string | null;
  /** A server of this machine's own: keys and TLS of a profile are not for it. */
  isEmbedded?: boolean;
}

/** Where workers serve, and as which version. */
export interface WorkerAddress extends ServerAddress {
  deployment?: DeploymentVersion | null;
}

/** Connection options and namespace by Temporal's environment configuration; the given address and namespace win. */
export function connectionConfig({ address, namespace, isEmbedded = false }: ServerAddress): {
  connectionOptions: NativeConnectionOptions;
  namespace: string;
} {
  if (isEmbedded && address !== null) return { connectionOptions: { address }, namespace: namespace ?? 'default' };
  const config = loadClientConnectConfig();
  const connectionOptions = (
    address === null ? config.connectionOptions : { ...config.connectionOptions, address }
  ) as NativeConnectionOptions;
  return { connectionOptions, namespace: namespace ?? config.namespace ?? 'default' };
}
