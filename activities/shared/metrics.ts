// tive's own metrics, and how activities count on them.
import { Context } from '@temporalio/activity';
import type { MetricCounter, MetricGauge, MetricMeter } from '@temporalio/common';
import type { Reason } from '../../contracts/reasons.ts';
import type { Stage } from '../../contracts/stages.ts';

/**
 * One of tive's own metrics, as `GET /metrics` shows it. Temporal adds `namespace`, `task_queue` and `activity_type`.
 */
export interface MetricDefinition {
  kind: 'counter' | 'gauge';
  /** Own labels. */
  labels: readonly string[];
  description: string;
}

/** All of tive's own metrics. */
export const METRICS = {
  tive_rows_total: {
    kind: 'counter',
    labels: ['stage'],
    description: 'Rows that a stage has worked through; rows done again after a kill count again',
  },
  tive_shards_total: {
    kind: 'counter',
    labels: ['cached'],
    description: 'Gradient shards finished; cached: an earlier attempt had finished it',
  },
  tive_quarantined_rows_total: {
    kind: 'counter',
    labels: ['stage', 'reason'],
    description: 'Rows set aside, by reason code',
  },
  tive_cache_hits_total: {
    kind: 'counter',
    labels: ['stage'],
    description: 'Stages whose artifact was there already',
  },
  tive_checkpoint_age_seconds: {
    kind: 'gauge',
    labels: ['stage'],
    description: 'At the last heartbeat: time since work was last made durable; 0 when the activity has ended',
  },
  tive_event_loop_delay_p99_milliseconds: {
    kind: 'gauge',
    labels: [],
    description: '99th percentile of the event loop delay while activities run, over ten seconds',
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;

type NameOf<Kind> = { [Name in MetricName]: (typeof METRICS)[Name]['kind'] extends Kind ? Name : never }[MetricName];

/** Metrics that each activity's meter has made: one native handle a name. */
const made = new WeakMap<MetricMeter, Map<MetricName, MetricCounter | MetricGauge>>();

function metric<Made extends MetricCounter | MetricGauge>(
  name: MetricName,
  create: (meter: MetricMeter, description: string) => Made,
): Made {
  const { metricMeter } = Context.current();
  const known = made.get(metricMeter) ?? new Map<MetricName, MetricCounter | MetricGauge>();
  made.set(metricMeter, known);
  const found = known.get(name) ?? create(metricMeter, METRICS[name].description);
  known.set(name, found);
  return found as Made;
}

function count(name: NameOf<'counter'>, value: number, labels: Record<string, string>): void {
  metric(name, (meter, description) => meter.createCounter(name, '', description)).add(value, labels);
}

function measure(name: NameOf<'gauge'>, value: number, labels: Record<string, string>): void {
  metric(name, (meter, description) => meter.createGauge(name, 'float', '', description)).set(value, labels);
}

/** Counts rows that a stage has just worked through. Call it inside an activity, as all functions here. */
export function countRows(stage: Stage, rowCount: number): void {
  count('tive_rows_total', rowCount, { stage });
}

export function countShard(cached: boolean): void {
  count('tive_shards_total', 1, { cached: String(cached) });
}

export function countQuarantined(stage: Stage, quarantined: readonly { reason: Reason; count: number }[]): void {
  for (const { reason, count: rowCount } of quarantined)
    count('tive_quarantined_rows_total', rowCount, { stage, reason });
}

export function countCacheHit(stage: Stage): void {
  count('tive_cache_hits_total', 1, { stage });
}

export function setCheckpointAge(stage: Stage, seconds: number): void {
  measure('tive_checkpoint_age_seconds', seconds, { stage });
}

export function setEventLoopDelay(milliseconds: number): void {
  measure('tive_event_loop_delay_p99_milliseconds', milliseconds, {});
}
