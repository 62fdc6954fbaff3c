// The rows to choose from, and their tasks.
import { z } from 'zod';
import { COLUMN_NAMES } from '../../../dataset/forms/columns.ts';
import { FORM_NAMES } from '../../../dataset/forms/forms.ts';
import { PACKED_FORMATS } from '../../../dataset/readers/readers.ts';
import { integer, list, oneOf, place, says, section, share, text } from '../kinds.ts';

const taskRule = z.strictObject({
  task: z.string().min(1).describe('task of the rows that fit'),
  image: z
    .string()
    .min(1)
    .nullable()
    .optional()
    .describe('how the path of the first picture begins; null = the row has none'),
  question: z.string().min(1).optional().describe('what a question contains; case does not matter'),
});

const taskRules = () =>
  z.union(
    [z.enum(['llava-1.5', 'prefix', 'single', 'cluster']), z.array(taskRule).min(1)],
    says('llava-1.5, prefix, single, cluster, or a list of { task, image?, question? }'),
  );

/** Where rows lie, of the dataset and of its test rows. */
export const rowsPath = () =>
  z.union(
    [place('a file', true), list(place('a file', true), 'a list of files').min(1)],
    says('a file, a folder, s3://bucket/prefix/file or a list of them'),
  );

/** Where their pictures lie. */
export const imageFolders = () =>
  z.union([text(), list(text(), 'a list of folders').min(1)], says('a folder, a list of folders or null'));

export const dataset = section('the rows to choose from', {
  path: rowsPath().describe('file, folder, list of them, shard-{000..004}.tar, or s3://bucket/prefix/file.json'),
  format: oneOf('auto', ...FORM_NAMES, ...PACKED_FORMATS)
    .default('auto')
    .describe('auto tells it from bytes and keys; the others insist on one'),
  columns: z
    .partialRecord(
      z.enum(COLUMN_NAMES),
      text('the name of a key'),
      says(`a map of ${COLUMN_NAMES.join(', ')} to keys of the rows`),
    )
    .nullable()
    .default(null)
    .describe('which keys of the rows hold what: { image: img, question: q, answer: a }'),
  image_folder: imageFolders()
    .nullable()
    .default(null)
    .describe(
      'null = the folder of each file; one for all, or a list with one for each path; may be s3://bucket/prefix',
    ),
  task_field: text('a key of the rows').default('dataset').describe('key of the rows that holds the task'),
  task_rules: taskRules()
    .nullable()
    .default('llava-1.5')
    .describe(
      'rules for rows without the field; prefix = first folder of the picture; or a list of rules; null = it must be there',
    ),
  exclude_tasks: list(text(), 'a list of task names').default([]).describe('left out of values and selection'),
  exclude_rows: place('a file of rows', true)
    .nullable()
    .default(null)
    .describe('file of rows left out of values and selection: an id or a content hash (tive show) a line'),
  max_images: integer(1, 64).default(1).describe('pictures of a row; rows with more are set aside'),
  max_rows: integer(1).nullable().default(null).describe('first rows only; null = all'),
  max_quarantined_fraction: share().default(0.02).describe('share of rows set aside above which the run stops'),
});
