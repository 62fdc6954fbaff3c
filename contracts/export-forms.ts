// Names of the forms that a selection is written as.

/** What a selection can be written as. */
export const EXPORT_FORMS = ['llava', 'jsonl', 'sharegpt', 'indices', 'csv', 'parquet', 'adapter'] as const;

export type ExportForm = (typeof EXPORT_FORMS)[number];
