/** Where a process serves its metrics: `GET http://host:port/metrics`. */
export interface MetricsAddress {
  /** As written: a name, an IPv4 address, or an IPv6 address in brackets. */
  host: string;
  port: number;
}

const HIGHEST_PORT = 65_535;

/** Reads `HOST:PORT`. @returns null where it is none */
export function parseMetricsAddress(text: string): MetricsAddress | null {
  const parts = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):(\d{1,5})$/.exec(text);
  const port = Number(parts?.[2]);
  return parts === null || port < 1 || port > HIGHEST_PORT ? null : { host: parts[1]!, port };
}

/** The address of a compute process: the ports after that of the command, in the order of the processes. */
export function computeMetricsAddress({ host, port }: MetricsAddress, index: number): MetricsAddress {
  return { host, port: port + 1 + index };
}
