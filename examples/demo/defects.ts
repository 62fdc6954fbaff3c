// Rows of the demo that cannot be used, on purpose.
import { imagePath, namedRow, toLlava, type LlavaRow } from './data-rows.ts';
import { TRAIN_COUNTS, type DemoTask } from './demo-tasks.ts';
import { encodePng } from './png.ts';
import { createRandom } from './named-random.ts';
import type { SourceSplit } from './sources.ts';
import type { Reason } from '../../contracts/reasons.ts';

/** A row that cannot be used. */
export interface Defect {
  row: LlavaRow;
  /** Bytes of its picture file, or null for no file. */
  imageBytes: Uint8Array | null;
  reason: Reason;
}

const WEB_PAGE = '<!doctype html>\n<html><head><title>404</title></head><body>Not Found</body></html>\n';

/** Eight rows: five with a broken picture, three malformed. Each is a good row of some task before it is broken. */
export async function makeDefects(sources: SourceSplit): Promise<Defect[]> {
  const defects: ((row: LlavaRow, png: Uint8Array) => Omit<Defect, 'row'> & { row?: LlavaRow })[] = [
    (_, png) => ({ imageBytes: png.subarray(0, Math.floor(png.length / 2)), reason: 'image_truncated' }),
    () => ({ imageBytes: new Uint8Array(0), reason: 'image_type_unsupported' }),
    () => ({ imageBytes: garbage(300), reason: 'image_type_unsupported' }),
    () => ({ imageBytes: Buffer.from(WEB_PAGE), reason: 'image_type_html' }),
    () => ({ imageBytes: null, reason: 'image_missing' }),
    (row, png) => ({ row: withTwoHumanTurns(row), imageBytes: png, reason: 'role_order' }),
    (row, png) => ({ row: withEmptyAnswer(row), imageBytes: png, reason: 'answer_empty' }),
    (row, png) => ({ row: withoutTurns(row), imageBytes: png, reason: 'conversations_missing' }),
  ];
  const tasks = Object.keys(TRAIN_COUNTS) as DemoTask[];
  return Promise.all(
    defects.map(async (breakRow, index) => {
      const task = tasks[index]!;
      const good = namedRow(task, TRAIN_COUNTS[task], sources); // the number after the last training row
      const id = `defect-${String(index).padStart(5, '0')}`;
      const row = { ...toLlava(good), id, image: imagePath(id) };
      return { row, ...breakRow(row, await encodePng(good.image)) };
    }),
  );
}

function garbage(length: number): Uint8Array {
  const random = createRandom('garbage');
  return Uint8Array.from({ length }, () => random.integer(0, 256));
}

function withTwoHumanTurns(row: LlavaRow): LlavaRow {
  const [question, ...rest] = row.conversations!;
  return {
    ...row,
    conversations: [question!, { from: 'human', value: question!.value.replace('<image>\n', '') }, ...rest],
  };
}

function withEmptyAnswer(row: LlavaRow): LlavaRow {
  return {
    ...row,
    conversations: row.conversations!.map((turn) => (turn.from === 'gpt' ? { ...turn, value: '' } : turn)),
  };
}

function withoutTurns({ id, dataset, image }: LlavaRow): LlavaRow {
  return { id, dataset, image };
}
