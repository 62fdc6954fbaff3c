// `tive ui`: a page over the runs of a folder, a cluster, a store; also beside a run that begins.
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { Elsewhere } from '../../page/server/foreign-runs.ts';
import { EXIT } from '../terminal/outcome.ts';
import { openSecretly } from '../terminal/open-browser.ts';
import { packageVersion } from './doctor.ts';

const LOOPBACK = '127.0.0.1';

/** `tive ui`: serves the page until Ctrl-C. */
export function uiCommand() {
  return new Command('ui')
    .description('serve a page over the runs of a folder, a cluster, a store, for this machine alone, until Ctrl-C')
    .option('--port <number>', 'port; without it any that is free', parsePort)
    .option('--host <address>', 'address to listen at; any but the loopback one can be reached by others', LOOPBACK)
    .option('--read-only', 'look, and change nothing')
    .option('--runs <folder>', 'folder of the runs', './runs')
    .option('--address <host:port>', 'Temporal server of a cluster, whose runs are shown too')
    .option('--namespace <name>', 'Temporal namespace of the cluster')
    .option('--temporal-ui <url>', 'address of the cluster’s own pages, for links to them')
    .option('--store <uri>', 'a folder or s3://bucket/prefix, whose runs are shown too')
    .option('--open', 'open it in the browser')
    .action(async ({ port = 0, host, readOnly = false, runs, open = false, ...asked }) => {
      const elsewhere = await elsewhereOf(asked);
      const page = await openPage({ runsFolder: runs, host, port, isReadOnly: readOnly, elsewhere }, open);
      process.stderr.write('Ctrl-C ends it\n');
      await interruption();
      await page.close();
    });
}

/** Where a page is served, and of what. */
interface PagePlace {
  runsFolder: string;
  host: string;
  port: number;
  isReadOnly: boolean;
  elsewhere?: Elsewhere;
}

interface AskedElsewhere {
  address?: string | undefined;
  namespace?: string | undefined;
  temporalUi?: string | undefined;
  store?: string | undefined;
}

/** What was asked for beside the folder. @throws InvalidConfigError where it does not answer at all */
async function elsewhereOf({ address, namespace, temporalUi, store }: AskedElsewhere): Promise<Elsewhere> {
  if (temporalUi !== undefined && !/^https?:\/\//.test(temporalUi))
    throw new InvalidConfigError(`--temporal-ui: must be an address with http:// or https://, got "${temporalUi}"`);
  const cluster = address === undefined ? null : { address, namespace: namespace ?? null };
  if (cluster !== null) {
    const { connectServer } = await import('../cluster/runtime.ts');
    await (await connectServer(cluster)).close();
  }
  if (store === undefined) return { cluster, temporalUi: temporalUi ?? null };
  const { requireStore } = await import('../runs/store-runs.ts');
  return { cluster, temporalUi: temporalUi ?? null, store: (await requireStore(store)).uri };
}

/** Serves the page and prints its link on standard output. */
async function openPage(place: PagePlace, opens: boolean): Promise<{ close(): Promise<void> }> {
  const { servePage } = await import('../../page/server/serve.ts');
  const runsFolder = resolve(place.runsFolder);
  const served = await servePage({ ...place, runsFolder, folder: process.cwd(), version: packageVersion() });
  if (served.isReachable)
    process.stderr.write(
      `warning: ${place.host} can be reached from other machines, without encryption: whoever reads the link along the way can ` +
        'see the rows, start runs and what recipes name as this user\n',
    );
  process.stdout.write(`page: ${served.link}\n`);
  const forget = opens ? await openSecretly(served.link) : () => Promise.resolve();
  return {
    close: async () => {
      await forget();
      await served.close();
    },
  };
}

/**
 * Does a run's work beside a page over its folder. On a terminal the page stays when the run is done, until Ctrl-C;
 * elsewhere, and where the run fails or is interrupted, it ends with the run.
 */
export async function besidePage(opens: boolean, runsFolder: string, work: () => Promise<number>): Promise<number> {
  if (!opens) return work();
  const page = await openPage({ runsFolder, host: LOOPBACK, port: 0, isReadOnly: false }, true);
  try {
    const exitCode = await work();
    if (exitCode === EXIT.done && process.stderr.isTTY && !process.env['CI']) {
      process.stderr.write('the page stays open; Ctrl-C ends it\n');
      await interruption();
    }
    return exitCode;
  } finally {
    await page.close();
  }
}

/** Waits for Ctrl-C, or to be told to end. */
async function interruption(): Promise<void> {
  const ended = new AbortController();
  const { signal } = ended;
  await Promise.race(['SIGINT', 'SIGTERM'].map((name) => once(process, name, { signal }).catch(() => undefined)));
  ended.abort();
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError(`must be a port from 0 to 65535, got "${text}"`);
}
