import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import type { CollectGradientsInput } from '../../contracts/messages/gradients.ts';

/** One run of a chain that continues as new. */
export interface Page {
  history: History;
  input: CollectGradientsInput;
  eventCount: number;
  /** Shards that it finished. */
  shardCount: number;
}

/** The chain that ends in the newest run of a child, first page first. */
export async function pagesOf(client: Client, workflowId: string): Promise<Page[]> {
  const pages: Page[] = [];
  let runId = await firstRunIdOf(client, workflowId);
  while (runId !== '') {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const events = history.events ?? [];
    const started = events[0]!.workflowExecutionStartedEventAttributes!;
    pages.push({
      history,
      input: defaultPayloadConverter.fromPayload(started.input!.payloads![0]!),
      eventCount: events.length,
      shardCount: events.filter(({ activityTaskCompletedEventAttributes: completed }) => completed).length,
    });
    runId = events.at(-1)!.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? '';
  }
  return pages;
}

async function firstRunIdOf(client: Client, workflowId: string): Promise<string> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return events![0]!.workflowExecutionStartedEventAttributes!.firstExecutionRunId!;
}
