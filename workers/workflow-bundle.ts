// The bundle of the workflows: made, or taken from the build.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

/** `.js` when this file was built, `.ts` when it runs from the sources. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** The entry file of the workflows. */
export const workflowsPath = fileURLToPath(new URL(`../workflows/index.${extension}`, import.meta.url));

/** Where the build puts the finished bundle. */
const bundlePath = fileURLToPath(new URL('../workflows/bundle.cjs', import.meta.url));

/** Bundles the workflows into one script: a second or three. */
export async function bundleWorkflows(): Promise<string> {
  const quiet = {
    log: () => undefined,
    trace: () => undefined,
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: console.error,
  };
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: quiet });
  return code;
}

/** Writes the bundle beside the built workflows; part of the build. */
export async function writeWorkflowBundle(): Promise<void> {
  await writeFile(bundlePath, await bundleWorkflows());
}

/** The built bundle, or one made now. */
export async function workflowBundle(): Promise<{ codePath: string } | { code: string }> {
  return existsSync(bundlePath) ? { codePath: bundlePath } : { code: await bundleWorkflows() };
}
