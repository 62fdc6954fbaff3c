import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Context } from '@temporalio/activity';
import { setEventLoopDelay } from './metrics.ts';

const REPORT_MS = 10_000;
const RESOLUTION_MS = 20;

/** The limit where the activity has no heartbeat timeout. */
const DEFAULT_LIMIT_MS = 30_000;

/**
 * Measures how long the running activity keeps the event loop from turning: meanwhile no heartbeat leaves. Sets the
 * gauge every ten seconds, and warns once where a single delay was above a quarter of the heartbeat timeout.
 * @returns what ends it
 */
export function watchEventLoop(): () => void {
  const { info, log } = Context.current();
  const limitMs = info.heartbeatTimeoutMs === undefined ? DEFAULT_LIMIT_MS : info.heartbeatTimeoutMs / 4;
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let warned = false;
  const report = (): void => {
    if (delays.count === 0) return;
    const longestMs = delays.max / 1e6;
    setEventLoopDelay(delays.percentile(99) / 1e6);
    delays.reset();
    if (longestMs <= limitMs || warned) return;
    warned = true;
    log.warn(
      `event loop: delays must stay below ${Math.round(limitMs)} ms for heartbeats to arrive in time, ` +
        `got ${Math.round(longestMs)}; lower gradients.token_budget, or raise --heartbeat-timeout of the run`,
    );
  };
  delays.enable();
  const timer = setInterval(report, REPORT_MS);
  return () => {
    clearInterval(timer);
    delays.disable();
    report();
  };
}
