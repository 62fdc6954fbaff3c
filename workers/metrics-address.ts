// Addresses at which processes serve their metrics.
import { isIPv4, isIPv6 } from 'node:net';

/** Where a process serves its metrics: `GET http://host:port/metrics`. */
export interface MetricsAddress {
  /** An IPv4 address, or an IPv6 address in brackets: Temporal's core looks up no names. */
  host: string;
  port: number;
}

const HIGHEST_PORT = 65_535;

/** Reads `IP:PORT`. @returns null where it is none */
export function parseMetricsAddress(text: string): MetricsAddress | null {
  const [, host = '', digits] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const isAddress = isIPv4(host) || (/^\[.*\]$/.test(host) && isIPv6(host.slice(1, -1)));
  return isAddress && port >= 1 && port <= HIGHEST_PORT ? { host, port } : null;
}

/** The address of a compute process: the ports after that of the command, in the order of the processes. */
export function computeMetricsAddress({ host, port }: MetricsAddress, index: number): MetricsAddress {
  return { host, port: port + 1 + index };
}
