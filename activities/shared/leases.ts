// Leases of activities: what they read and make is not cleared away while their run is under way.
import { hostname } from 'node:os';
import type { Context } from '@temporalio/activity';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Config } from '../../contracts/config.ts';
import type { Stage } from '../../contracts/stages.ts';
import { endLease, keepLease, writeLease } from '../../store/leases.ts';
import type { Lease } from '../../store/leases.ts';
import type { Store } from '../../store/store.ts';

/** Workflows of runs, whose leases hold until the run has ended; those of their children hold as long as they work. */
const RUN = /^tive-(?!gradients\/)/;

/**
 * Interceptor of activities: each holds a lease in its run's store while it works, and leaves there what it has read
 * and made. A store that is away holds up nobody here: the work itself will say so.
 */
export function leaseActivities(
  stages: Readonly<Record<string, Stage>>,
  openStore: (uri: string) => Store,
): ActivityInterceptorsFactory {
  return (context) => {
    if (!Object.hasOwn(stages, context.info.activityType)) return {};
    return {
      inbound: {
        execute: async (input, next) => {
          const config = configIn(input.args[0]);
          if (config === null) return next(input);
          const held = await holdLease(openStore(config.store.uri), context, config, [...urisIn(input.args)]);
          const result = await next(input).catch(async (error: unknown) => {
            await held.end([]);
            throw error;
          });
          await held.end([...urisIn(result)]);
          return result;
        },
      },
    };
  };
}

async function holdLease(
  store: Store,
  { info: { activityType, activityId, workflowExecution } }: Context,
  config: Config,
  uris: string[],
): Promise<{ end(made: string[]): Promise<void> }> {
  const { workflowId } = workflowExecution!;
  const name = `${activityType}-${activityId}`;
  const run = config.run.name ?? workflowId.replace(/^tive-/, '');
  const lease: Lease = { run, holder: `${hostname()}/${process.pid}`, isAtWork: true, uris };
  const quietly = (work: Promise<void>): Promise<void> => work.catch(() => undefined);
  const letGo = await keepLease(store, workflowId, name, lease);
  return {
    end: async (made) => {
      letGo();
      if (!RUN.test(workflowId)) return quietly(endLease(store, workflowId, name));
      const last = { ...lease, isAtWork: false, uris: [...new Set([...uris, ...made])] };
      return quietly(writeLease(store, workflowId, name, last));
    },
  };
}

function configIn(argument: unknown): Config | null {
  const { config, result } = (argument ?? {}) as { config?: Config; result?: { config?: Config } };
  return config ?? result?.config ?? null;
}

/** Folders of artifacts that a message names, and of a gradient table that is not finished. */
function* urisIn(value: unknown): Generator<string> {
  if (typeof value === 'string' && value.startsWith('artifacts/')) yield value;
  if (value === null || typeof value !== 'object') return;
  for (const [key, item] of Object.entries(value) as [string, unknown][]) {
    if (key === 'address' && typeof item === 'string') yield `artifacts/gradients/${item}`;
    yield* urisIn(item);
  }
}
