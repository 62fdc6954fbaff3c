// Names of the forms that data is converted to.

/** Forms that data is converted to. */
export const CONVERT_FORMS = ['llava', 'jsonl', 'sharegpt'] as const;

export type ConvertForm = (typeof CONVERT_FORMS)[number];
