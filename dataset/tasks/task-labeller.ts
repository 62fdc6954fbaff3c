// Tasks of a whole dataset's rows, groups of similar questions among them.
import { createRandom } from '../../algorithms/random-stream.ts';
import { fitTextClusters, nearestCluster } from '../../algorithms/text-clusters.ts';
import type { TextClusters, WordCounts } from '../../algorithms/text-clusters.ts';
import { parseRow } from '../rows/parse-row.ts';
import type { ParsedRow } from '../rows/parse-row.ts';
import { isRejection } from '../rows/row-outcome.ts';
import { rowsOf } from '../rows/row-source.ts';
import type { LocalDataset } from '../rows/row-source.ts';
import { taskOf } from './task-rules.ts';

/** Gives a row its task, or null. */
export type TaskLabeller = (row: Pick<ParsedRow, 'task' | 'images' | 'turns'>) => string | null;

/** How a dataset's rows are labelled. */
export interface Labelling {
  label: TaskLabeller;
  /** What a person should know of it. */
  notes: string[];
}

/** Rows whose questions are clustered, drawn from all; a question counts up to so many characters. */
const SAMPLED_ROWS = 10_000;
const QUESTION_CHARACTERS = 2000;

/**
 * The labels of a dataset's rows. For `cluster` all rows are read once and the questions of a sample are clustered:
 * equal files give equal tasks.
 */
export async function labellingOf(dataset: LocalDataset): Promise<Labelling> {
  const { taskRules } = dataset;
  if (taskRules !== 'cluster') return { label: (row) => taskOf(row, taskRules), notes: [] };
  const questions = await sampleQuestions(dataset);
  if (questions.length === 0) return { label: ({ task }) => task, notes: [] };
  const clusters = fitTextClusters(questions);
  const names = clusters.words.map((words, index) => [String(index + 1).padStart(2, '0'), ...words].join('-'));
  return {
    label: (row) => row.task ?? names[nearestCluster(clusters, wordsOf(row))]!,
    notes: [clusteringNote(clusters, names, questions.length)],
  };
}

function clusteringNote({ tried }: TextClusters, names: readonly string[], sampleCount: number): string {
  const scores = tried.map(({ clusterCount, silhouette }) => `${clusterCount}: ${silhouette.toFixed(2)}`).join(', ');
  return (
    `task_rules cluster: ${names.length} tasks by the words of ${sampleCount.toLocaleString('en')} questions ` +
    `(silhouette by number of tasks ${scores || 'not taken'}); they are groups of texts, look at them before you trust them`
  );
}

/** Questions of rows without a label, each row with the same chance (reservoir sampling), in an order of their own. */
async function sampleQuestions(dataset: LocalDataset): Promise<WordCounts[]> {
  const random = createRandom('cluster-sample', 0);
  const sample: WordCounts[] = [];
  let [rowCount, seenCount] = [0, 0];
  for (const source of dataset.sources) {
    for await (const { bytes } of rowsOf(source)) {
      if (dataset.maxRows !== null && rowCount >= dataset.maxRows) return sample;
      rowCount += 1;
      const place = seenCount < SAMPLED_ROWS ? seenCount : Math.floor(random.uniform() * (seenCount + 1));
      if (place >= SAMPLED_ROWS) {
        seenCount += 1;
        continue;
      }
      const row = parseRow(bytes, { ...dataset, form: source.form });
      if (isRejection(row) || row.task !== null) continue;
      seenCount += 1;
      sample[place] = wordsOf(row);
    }
  }
  return sample;
}

/** Words of the questions, numbers as one word, and whether there are pictures. */
function wordsOf({ turns, images }: Pick<ParsedRow, 'turns' | 'images'>): WordCounts {
  const text = turns
    .filter(({ role }) => role === 'human')
    .map(({ value }) => value)
    .join('\n')
    .slice(0, QUESTION_CHARACTERS)
    .replaceAll('<image>', ' ')
    .toLowerCase();
  const counts = new Map<string, number>();
  for (const [word] of text.matchAll(/\p{L}[\p{L}\p{M}'’]*|\p{N}+/gu)) {
    const known = /^\p{N}/u.test(word) ? '0' : word;
    counts.set(known, (counts.get(known) ?? 0) + 1);
  }
  counts.set(images.length === 0 ? 'text' : images.length === 1 ? 'picture' : 'pictures', 1);
  return counts;
}
