// Logs and metrics of activities.
import { ApplicationFailure } from '@temporalio/activity';
import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors, ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Config } from '../../contracts/config.ts';
import { DamagedArtifactError } from '../../contracts/failures.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { GradientShard, GradientsPlan } from '../../contracts/messages/gradients.ts';
import type { Stage } from '../../contracts/stages.ts';
import { isOutage } from '../../store/outage.ts';
import { watchEventLoop } from './event-loop.ts';
import { excuseAttempt, noteError } from './heartbeat.ts';
import { countCacheHit, countQuarantined, countShard, setCheckpointAge } from './metrics.ts';

/** What the inputs of activities say about the work; each activity has some of it. */
interface Subject {
  config?: Config;
  result?: { config: Config; runName: string };
  runName?: string;
  source?: string;
  /** 0-based. */
  shard?: number;
}

/**
 * Interceptor of activities: run, stage and shard go into every line of their log, and what their results say goes into
 * the metrics. Activities of others pass untouched.
 *
 * @param stages stage of each activity that is observed, by its name
 */
export function observeActivities(stages: Readonly<Record<string, Stage>>): ActivityInterceptorsFactory {
  return (context) => {
    const stage = Object.hasOwn(stages, context.info.activityType) ? stages[context.info.activityType] : undefined;
    return stage === undefined ? {} : observe(context, stage);
  };
}

function observe(context: Context, stage: Stage): ActivityInterceptors {
  let attributes: Record<string, string | number> = { stage };
  return {
    inbound: {
      execute: async (input, next) => {
        const subject = (input.args[0] ?? {}) as Subject;
        const own = subject.source === 'evaluation' ? 'evaluation' : stage;
        attributes = { ...attributesOf(subject), stage: own };
        const startedAt = performance.now();
        const stopWatching = watchEventLoop();
        context.log.info('activity started');
        try {
          const result = await next(input);
          countResult(context.info.activityType, own, result);
          context.log.info('activity finished', {
            cached: isCached(result),
            durationMs: Math.round(performance.now() - startedAt),
          });
          return result;
        } catch (error) {
          if (isOutage(error)) excuseAttempt();
          else noteError(error);
          throw error instanceof DamagedArtifactError ? withDamage(error) : error;
        } finally {
          stopWatching();
          setCheckpointAge(own, 0);
        }
      },
    },
    outbound: { getLogAttributes: (input, next) => next({ ...input, ...attributes }) },
  };
}

/** Damage as it travels: of other errors the message is enough. */
function withDamage({ name, message, damage }: DamagedArtifactError): ApplicationFailure {
  return ApplicationFailure.create({ type: name, message, nonRetryable: true, details: [damage] });
}

function attributesOf({ config, result, runName, shard }: Subject): Record<string, string | number> {
  const run = runName ?? result?.runName ?? config?.run.name ?? null;
  return { ...(run === null ? {} : { run }), ...(shard === undefined ? {} : { shard }) };
}

function countResult(activityType: string, stage: Stage, result: unknown): void {
  if (activityType === 'computeGradientShard') {
    const { cached, quarantined } = result as GradientShard;
    countShard(cached);
    if (!cached) countQuarantined(stage, quarantined);
    return;
  }
  if (isCached(result)) countCacheHit(stage);
  else if (activityType === 'scanRows') countQuarantined(stage, (result as ScanResult).quarantined);
}

function isCached(result: unknown): boolean {
  if (typeof result !== 'object' || result === null) return false;
  const { cached, finished } = result as { cached?: boolean } & Partial<GradientsPlan>;
  return cached === true || (finished ?? null) !== null;
}
