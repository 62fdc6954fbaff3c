// Names of the formats of a worker's log.

/** How `tive worker` writes its log. */
export const LOG_FORMATS = ['json', 'text'] as const;

export type LogFormat = (typeof LOG_FORMATS)[number];
