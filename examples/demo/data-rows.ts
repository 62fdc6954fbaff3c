// The demo's rows as they stand on disk.
import { DEMO_TASKS, TEST_COUNT, TRAIN_COUNTS, demoRow, type DemoTask } from './demo-tasks.ts';
import type { DemoRow } from './demo-row.ts';
import type { SourceSplit } from './sources.ts';

/** A row that has a name and hence a place on disk. */
export interface NamedRow extends DemoRow {
  /** `garment_name-00017`; of a test row `test-garment_name-00017`. */
  id: string;
  task: DemoTask;
  /** uint8 [row, column, channel]: every demo row has a picture. */
  image: Uint8Array;
}

/** One row as it stands in `train.json` and `test.json`. */
export interface LlavaRow {
  id: string;
  dataset: string;
  /** Path below the folder `images`. */
  image: string;
  conversations?: { from: 'human' | 'gpt'; value: string }[];
}

/** All rows of split `train` or `test` as they are before anything is planted, task by task. */
export function namedRows(sources: SourceSplit): NamedRow[] {
  return DEMO_TASKS.flatMap((task) =>
    Array.from({ length: sources.split === 'test' ? TEST_COUNT : TRAIN_COUNTS[task] }, (_, number) =>
      namedRow(task, number, sources),
    ),
  );
}

/** Row `number` of a task with its name. */
export function namedRow(task: DemoTask, number: number, sources: SourceSplit): NamedRow {
  const row = demoRow(task, number, sources);
  if (row.image === null) throw new TypeError(`namedRow: a row of ${task} must have a picture, got none`);
  const id = `${sources.split === 'test' ? 'test-' : ''}${task}-${String(number).padStart(5, '0')}`;
  return { ...row, id, task, image: row.image };
}

/** The row in LLaVA's form; the first question carries the mark of the picture. */
export function toLlava({ id, task, turns }: NamedRow): LlavaRow {
  return {
    id,
    dataset: task,
    image: imagePath(id),
    conversations: turns.flatMap(([question, answer], index) => [
      { from: 'human' as const, value: index === 0 ? `<image>\n${question}` : question },
      { from: 'gpt' as const, value: answer },
    ]),
  };
}

/** Path of a row's picture below the folder `images`. */
export function imagePath(id: string): string {
  return id.startsWith('test-') ? `test/${id.slice('test-'.length)}.png` : `train/${id}.png`;
}
