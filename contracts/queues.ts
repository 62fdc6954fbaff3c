// Names of the task queues.

/** Task queue of workflows and light activities. */
export const CONTROL_QUEUE = 'tive-control';

/** Task queue of heavy activities: one at a time in each compute process. */
export const COMPUTE_QUEUE = 'tive-compute';
