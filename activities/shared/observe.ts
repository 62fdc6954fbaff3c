// The interceptor that counts, times and labels activities by stage.
import type { Context } from '@temporalio/activity';
import type { ActivityInterceptors } from '@temporalio/worker';
import type { Config } from '../../contracts/config.ts';
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { GradientShard, GradientsPlan } from '../../contracts/messages/gradients.ts';
import type { Stage } from '../../contracts/stages.ts';
import { isOutage } from '../../store/outage.ts';
import { watchEventLoop } from './event-loop.ts';
import { excuseAttempt } from './heartbeat.ts';
import { countCacheHit, countQuarantined, countShard, setCheckpointAge } from './metrics.ts';

/** Which stage each activity belongs to. */
export const ACTIVITY_STAGES: Readonly<Record<string, Stage>> = {
  fingerprintDataset: 'dataset',
  scanRows: 'dataset',
  tuneReference: 'warmup',
  planNewRows: 'gradients',
  planGradients: 'gradients',
  awaitGradients: 'gradients',
  computeGradientShard: 'gradients',
  closeGradients: 'gradients',
  estimateValues: 'values',
  allocateRows: 'allocation',
  selectRows: 'selection',
  compareSelections: 'selection',
  finetuneModel: 'finetune',
  evaluateModel: 'evaluation',
  writeReport: 'report',
  readLastRun: 'report',
  keepLastRun: 'report',
};

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
 * Interceptor of tive's activities: run, stage and shard go into every line of their log, and what their results say
 * goes into the metrics. Activities of others pass untouched.
 */
export function observeActivities(context: Context): ActivityInterceptors {
  const stage = ACTIVITY_STAGES[context.info.activityType];
  if (stage === undefined) return {};
  let attributes: Record<string, string | number> = { stage };
  return {
    inbound: {
      execute: async (input, next) => {
        const subject = (input.args[0] ?? {}) as Subject;
        const own = subject.source === 'evaluation' ? 'evaluation' : stage;
        attributes = { ...attributesOf(subject), stage: own };
        const startedAt = performance.now();
        const stopWatching = watchEventLoop();
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
          throw error;
        } finally {
          stopWatching();
          setCheckpointAge(own, 0);
        }
      },
    },
    outbound: { getLogAttributes: (input, next) => next({ ...input, ...attributes }) },
  };
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
