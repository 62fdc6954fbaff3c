// A watch over the event loop: how long an activity keeps heartbeats from leaving.
import { createHistogram } from 'node:perf_hooks';
import { Context } from '@temporalio/activity';
import { setEventLoopDelay } from './metrics.ts';

const REPORT_MS = 10_000;
const TURN_MS = 20;

/** The limit where the activity has no heartbeat timeout. */
const DEFAULT_LIMIT_MS = 30_000;

/**
 * Measures how long the running activity keeps the event loop from turning: meanwhile no heartbeat leaves. A delay is
 * the time between two turns of a timer of 20 ms; it counts from the first moment to the last, so that work that never
 * lets go is seen as well (`monitorEventLoopDelay` sees nothing before its second turn). Sets the gauge every ten
 * seconds, and warns once where a single delay was above a quarter of the heartbeat timeout.
 * @returns what ends it
 */
export function watchEventLoop(): () => void {
  const { info, log } = Context.current();
  const limitMs = info.heartbeatTimeoutMs === undefined ? DEFAULT_LIMIT_MS : info.heartbeatTimeoutMs / 4;
  const delaysUs = createHistogram();
  let turnedAt = performance.now();
  let warned = false;
  const turn = (): void => {
    const now = performance.now();
    delaysUs.record(Math.max(1, Math.round((now - turnedAt) * 1000)));
    turnedAt = now;
  };
  const report = (): void => {
    const longestMs = delaysUs.max / 1000;
    setEventLoopDelay(delaysUs.percentile(99) / 1000);
    delaysUs.reset();
    if (longestMs <= limitMs || warned) return;
    warned = true;
    log.warn(
      `event loop: delays must stay below ${Math.round(limitMs)} ms for heartbeats to arrive in time, ` +
        `got ${Math.round(longestMs)}; lower gradients.token_budget, or raise --heartbeat-timeout of the run`,
    );
  };
  const turns = setInterval(turn, TURN_MS);
  const reports = setInterval(() => {
    turn();
    report();
  }, REPORT_MS);
  return () => {
    clearInterval(turns);
    clearInterval(reports);
    turn();
    report();
  };
}
