// The log of a run as its workflow's history tells it: for runs whose own log lies on another machine.
import type { Client } from '@temporalio/client';
import type { Stage } from '../../contracts/stages.ts';
import { ACTIVITY_STAGES } from './work-now.ts';

/** A line as logs have it. */
export interface HistoryLine {
  /** ISO 8601. */
  at: string;
  level: 'info' | 'warn' | 'error';
  message: string;
  stage: Stage | null;
  attributes: Record<string, unknown>;
}

type History = Awaited<ReturnType<Client['workflowService']['getWorkflowExecutionHistoryReverse']>>['history'];
type HistoryEvent = NonNullable<NonNullable<NonNullable<History>['events']>[number]>;
type Failure = NonNullable<HistoryEvent['workflowExecutionFailedEventAttributes']>['failure'];

/** Events that are read, the newest: of each activity there are three, or two where it is at work. */
const MOST_EVENTS = 1000;

/** The last lines of a run, the newest last. Children that collect gradients have histories of their own. */
export async function readHistoryLog(client: Client, workflowId: string): Promise<HistoryLine[]> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId },
    maximumPageSize: MOST_EVENTS,
  });
  const events = [...(history?.events ?? [])].reverse();
  const names = new Map<string, string>();
  for (const { eventId, activityTaskScheduledEventAttributes: scheduled } of events)
    if (scheduled) names.set(String(eventId), scheduled.activityType?.name ?? 'activity');
  return events.flatMap((event) => linesOf(event, names));
}

/** Temporal tells that an activity was begun only when it has ended, then with how its last attempt failed. */
function linesOf(event: HistoryEvent, names: ReadonlyMap<string, string>): HistoryLine[] {
  const activity = activityLine(event, names);
  if (activity !== null) return [activity];
  const said = sentenceOf(event);
  if (said === null) return [];
  const [message, level = 'info'] = said;
  return [{ at: timeOf(event), level, message, stage: null, attributes: {} }];
}

function activityLine(event: HistoryEvent, names: ReadonlyMap<string, string>): HistoryLine | null {
  const line = (scheduledId: unknown, level: HistoryLine['level'], words: string, attributes = {}): HistoryLine => {
    const name = names.get(String(scheduledId)) ?? 'activity';
    const stage = ACTIVITY_STAGES[name] ?? null;
    return { at: timeOf(event), level, message: `${name} ${words}`, stage, attributes };
  };
  const { activityTaskScheduledEventAttributes: scheduled, activityTaskStartedEventAttributes: started } = event;
  if (scheduled) return line(event.eventId, 'info', 'is to be done');
  if (started) {
    const { attempt, identity, lastFailure, scheduledEventId } = started;
    if ((attempt ?? 1) <= 1) return null;
    const words = `was tried again, attempt ${attempt}${lastFailure ? `, after: ${reasonOf(lastFailure)}` : ''}`;
    return line(scheduledEventId, 'warn', words, { worker: identity });
  }
  const { activityTaskCompletedEventAttributes: completed, activityTaskFailedEventAttributes: failed } = event;
  if (completed) return line(completed.scheduledEventId, 'info', 'is done', { worker: completed.identity });
  if (failed) return line(failed.scheduledEventId, 'error', `failed: ${reasonOf(failed.failure)}`);
  const { activityTaskTimedOutEventAttributes: late, activityTaskCanceledEventAttributes: canceled } = event;
  if (late) return line(late.scheduledEventId, 'error', `timed out: ${reasonOf(late.failure)}`);
  return canceled ? line(canceled.scheduledEventId, 'warn', 'was cancelled') : null;
}

function sentenceOf(event: HistoryEvent): [string, HistoryLine['level']?] | null {
  if (event.workflowExecutionStartedEventAttributes) return ['the run begins'];
  const { workflowExecutionSignaledEventAttributes: signal } = event;
  if (signal) return [`signal: ${signal.signalName}`];
  const { workflowExecutionUpdateAcceptedEventAttributes: update } = event;
  if (update) return [`update: ${update.acceptedRequest?.input?.name ?? 'accepted'}`];
  const { startChildWorkflowExecutionInitiatedEventAttributes: child } = event;
  if (child) return [`${child.workflowId} is to be done`];
  const { childWorkflowExecutionCompletedEventAttributes: ended } = event;
  if (ended) return [`${ended.workflowExecution?.workflowId} is done`];
  const { childWorkflowExecutionFailedEventAttributes: broken } = event;
  if (broken) return [`${broken.workflowExecution?.workflowId} failed: ${reasonOf(broken.failure)}`, 'error'];
  return endOf(event);
}

function endOf(event: HistoryEvent): [string, HistoryLine['level']?] | null {
  if (event.workflowExecutionCompletedEventAttributes) return ['the run is done'];
  if (event.workflowExecutionCancelRequestedEventAttributes) return ['the run is to stop', 'warn'];
  if (event.workflowExecutionCanceledEventAttributes) return ['the run was cancelled', 'warn'];
  if (event.workflowExecutionTerminatedEventAttributes) return ['the run was terminated', 'error'];
  if (event.workflowExecutionTimedOutEventAttributes) return ['the run timed out', 'error'];
  const { workflowExecutionFailedEventAttributes: failed } = event;
  return failed ? [`the run failed: ${reasonOf(failed.failure)}`, 'error'] : null;
}

/** The innermost one says what happened. */
function reasonOf(failure: Failure): string {
  let inner = failure;
  while (inner?.cause) inner = inner.cause;
  return inner?.message ?? 'no reason is given';
}

function timeOf({ eventTime }: HistoryEvent): string {
  return new Date(1000 * Number(eventTime?.seconds ?? 0) + Number(eventTime?.nanos ?? 0) / 1e6).toISOString();
}
