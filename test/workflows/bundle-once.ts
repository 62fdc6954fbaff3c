import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { bundleWorkflows } from '../../workers/workflow-bundle.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** File of the workflows as they are, bundled. */
    workflowBundle: string;
  }
}

/** Bundles the workflows once for all files of tests, which takes seconds each time. */
export default async function bundleOnce(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'tive-bundle-'));
  const path = join(folder, 'workflows.cjs');
  writeFileSync(path, await bundleWorkflows());
  project.provide('workflowBundle', path);
  return () => rmSync(folder, { recursive: true });
}
