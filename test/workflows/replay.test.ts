import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DeterminismViolationError } from '@temporalio/workflow';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Worker, bundleWorkflowCode } from '@temporalio/worker';
import type { WorkflowBundleOption } from '@temporalio/worker';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { PATHS } from '../histories/paths.ts';
import { EMBEDDED, installRuntime } from '../../workers/install-runtime.ts';

const folder = join(import.meta.dirname, '../histories');
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const LARGEST_BYTES = 200_000;

/** Replays a history under its own workflow id, which names the children. */
async function replay(workflowBundle: WorkflowBundleOption, file: string): Promise<void> {
  const history = historyFromJSON(JSON.parse(readFileSync(join(folder, file), 'utf8')));
  const { workflowId } = history.events![0]!.workflowExecutionStartedEventAttributes!;
  await Worker.runReplayHistory({ workflowBundle }, history, workflowId!);
}

beforeAll(() => installRuntime(() => undefined, { ...EMBEDDED, level: 'ERROR' }));

describe('recorded histories', () => {
  test.each(files)('%s is replayed by the workflows as they are now', async (file) => {
    await replay({ codePath: inject('workflowBundle') }, file);
  });

  test('are there for every path', () => {
    const missing = Object.keys(PATHS).filter((name) => !files.some((file) => file.endsWith(`-${name}.json`)));
    expect(missing).toEqual([]);
  });

  test('are small, and name no machine', () => {
    const identities = new Set<string>();
    for (const file of files) {
      expect(statSync(join(folder, file)).size, file).toBeLessThan(LARGEST_BYTES);
      for (const [, identity] of readFileSync(join(folder, file), 'utf8').matchAll(/"identity":"([^"]*)"/g))
        identities.add(identity!);
    }
    expect([...identities].sort()).toEqual(['client', 'compute', 'control', 'history-service']);
  });
});

describe('a changed workflow', () => {
  test('that schedules in another order is caught by the history of a run', async () => {
    const workflowsPath = fileURLToPath(new URL('../fixtures/workflow-with-another-order.ts', import.meta.url));
    const changed = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
    await expect(replay(changed, '0.1.0-whole-run.json')).rejects.toThrow(DeterminismViolationError);
  });
});
