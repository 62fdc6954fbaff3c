// Names of the forms that a selection is written as.

/** What a selection can be written as. */
export const EXPORT_FORMS = ['llava', 'jsonl', 'sharegpt', 'indices', 'csv', 'parquet', 'adapter'] as const;

/** Those that rows of one's choice can be written as: the others are of all values, or of a model. */
export const ROW_FORMS = [
  'llava',
  'jsonl',
  'sharegpt',
  'indices',
] as const satisfies readonly (typeof EXPORT_FORMS)[number][];

export type ExportForm = (typeof EXPORT_FORMS)[number];
