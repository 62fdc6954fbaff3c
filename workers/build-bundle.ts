// Last step of the build: the workflow bundle beside the built workflows.
import { writeWorkflowBundle } from './workflow-bundle.ts';

await writeWorkflowBundle();
