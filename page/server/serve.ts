// The page's server: opened, listening, closed.
import type { Server } from 'node:http';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAdaptorServer } from '@hono/node-server';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { createApp } from './app.ts';
import type { PageApp, PageOptions } from './app.ts';
import { readAppFiles } from './app-files.ts';
import { createGuard } from './safety.ts';

/** How a page is opened. */
export interface ServeOptions extends Omit<PageOptions, 'guard' | 'files'> {
  /** Address that it listens at. */
  host: string;
  /** 0: any that is free. */
  port: number;
  isReadOnly: boolean;
  /** Folder of the built front-end; left out: the build's own. */
  appFolder?: string;
}

/** A page that is served. */
export interface ServedPage {
  /** Opens it, once in each browser: with the session's token. */
  link: string;
  /** Whether others than this machine can reach it. */
  isReachable: boolean;
  events: PageApp['events'];
  close(): Promise<void>;
}

/** Addresses that this machine alone reaches. */
const LOOPBACK = ['127.0.0.1', '::1', 'localhost'];

/** Where the front-end is built: beside the built server. */
const APP_FOLDER = join(
  dirname(fileURLToPath(import.meta.url)),
  import.meta.url.endsWith('.ts') ? '../../dist/page-app' : '../../page-app',
);

/** Serves the page until it is closed. @throws InvalidConfigError where the address cannot be had */
export async function servePage(options: ServeOptions): Promise<ServedPage> {
  const { host, appFolder = APP_FOLDER } = options;
  const guard = createGuard(options.isReadOnly);
  const page = createApp({ ...options, guard, files: await readAppFiles(appFolder) });
  const server = createAdaptorServer({ fetch: page.app.fetch }) as Server;
  const port = await listen(server, host, options.port);
  const isReachable = !LOOPBACK.includes(host);
  for (const name of namesOf(host)) guard.hosts.add(`${name}:${port}`.toLowerCase());
  return {
    link: `http://${shownHost(host)}:${port}/?token=${guard.token}`,
    isReachable,
    events: page.events,
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await page.close();
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new InvalidConfigError(
          `ui: address must be free and of this machine, got ${host}:${port} (${error.code}); name another --port`,
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

/** Names by which the page may be asked for: its own address, and on all addresses each of this machine. */
function namesOf(host: string): string[] {
  if (LOOPBACK.includes(host)) return ['127.0.0.1', 'localhost', '[::1]'];
  if (host !== '0.0.0.0' && host !== '::') return [bracketed(host)];
  const own = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  return ['localhost', ...own.map(({ address }) => bracketed(address))];
}

function shownHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? 'localhost' : bracketed(host);
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
