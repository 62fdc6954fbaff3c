import { spawnSync } from 'node:child_process';
import { createServer, connect } from 'node:net';
import type { Server } from 'node:net';

/** A node's own network: all that it reaches of the machine are the ports that are passed on to it. */
export interface Network {
  /** Runs a command in it. */
  prefix: readonly string[];
  /** Passes a port of this machine on. @returns the address to use in the network, host:port */
  pass(port: number): Promise<string>;
  /** Cuts it off, or joins it again. */
  setLink(state: 'up' | 'down'): void;
  close(): void;
}

/** The machine's own network, for nodes that can have no other. */
export const SHARED_NETWORK: Network = {
  prefix: [],
  pass: (port) => Promise.resolve(`127.0.0.1:${port}`),
  setLink: () => {
    throw new Error('network: must be one of its own to be cut off');
  },
  close: () => undefined,
};

/** Makes a network namespace with one link to the machine. @returns in words why there can be none */
export function openNetwork(index: number): Network | string {
  const name = `tive${process.pid}n${index}`;
  const [outer, inner] = [`tv${process.pid % 100_000}o${index}`, `tv${process.pid % 100_000}i${index}`];
  const subnet = `10.231.${process.pid % 256}`;
  const [host, guest] = [`${subnet}.${index * 4 + 1}`, `${subnet}.${index * 4 + 2}`];
  const close = (): void => void ip('netns', 'delete', name);
  const steps = [
    ['netns', 'add', name],
    ['link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', name],
    ['address', 'add', `${host}/30`, 'dev', outer],
    ['link', 'set', outer, 'up'],
    ['-n', name, 'address', 'add', `${guest}/30`, 'dev', inner],
    ['-n', name, 'link', 'set', inner, 'up'],
    ['-n', name, 'link', 'set', 'lo', 'up'],
  ];
  for (const step of steps) {
    const refusal = ip(...step);
    if (refusal === null) continue;
    close();
    return `networks: ip ${step.join(' ')} must be allowed, got ${refusal}`;
  }
  const servers: Server[] = [];
  return {
    prefix: ['ip', 'netns', 'exec', name],
    pass: async (port) => {
      const server = await passOn(host, port);
      servers.push(server);
      return `${host}:${port}`;
    },
    setLink: (state) => void ip('link', 'set', outer, state),
    close: () => {
      for (const server of servers) server.close();
      close();
    },
  };
}

/** @returns null, or why it was refused */
function ip(...args: string[]): string | null {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  return status === 0 ? null : (stderr ?? 'no command ip').trim();
}

async function passOn(host: string, port: number): Promise<Server> {
  const server = createServer((incoming) => {
    const outgoing = connect(port, '127.0.0.1');
    const end = (): void => {
      incoming.destroy();
      outgoing.destroy();
    };
    incoming.on('error', end).on('close', end);
    outgoing.on('error', end).on('close', end);
    incoming.pipe(outgoing).pipe(incoming);
  });
  server.listen(port, host);
  await new Promise((resolve) => server.once('listening', resolve));
  return server;
}
