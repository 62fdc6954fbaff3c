// Rows like those of LLaVA-1.5's mixture, with its mess.
import { LLAVA_PUBLISHED_COUNTS } from '../dataset/tasks/task-rules.ts';

/** One row of LLaVA-1.5's mixture, without its label as published. */
export interface MixtureRow {
  id: string | number;
  image?: string;
  model?: string;
  conversations: { from: string; value: string; text?: string; markdown?: null }[];
}

/** How each task is known: its picture's path, and what its questions say. */
const TASKS: Record<string, { image: ((index: number) => string) | null; ask: (index: number) => string }> = {
  sharegpt: { image: null, ask: (index) => `Write a poem about the number ${index}.` },
  gqa: { image: (index) => `gqa/images/${index % 40}.jpg`, ask: () => 'Is it red?\nAnswer the question using a single word or phrase.' },
  ocrvqa: { image: (index) => `ocr_vqa/images/${index % 40}.jpg`, ask: () => 'Who wrote this book?' },
  textcaps: { image: (index) => `textvqa/train_images/${index % 40}.jpg`, ask: () => 'Provide a one-sentence caption.' },
  vg: { image: (index) => `vg/VG_100K/${index % 40}.jpg`, ask: () => 'Please provide a short description for this region: [0.1, 0.2, 0.3, 0.4].' },
  aokvqa: { image: (index) => `coco/train2017/${index % 40}.jpg`, ask: () => 'What is it?\nA. x\nB. y\nAnswer with the option’s letter from the given choices directly.' },
  refcoco: { image: (index) => `coco/train2017/${index % 40}.jpg`, ask: () => 'Please provide the bounding box coordinate of the region this sentence describes: left.' },
  vqav2_okvqa: { image: (index) => `coco/train2017/${index % 40}.jpg`, ask: () => 'How many?\nAnswer the question using a single word or phrase.' },
  llava_instruct: { image: (index) => `coco/train2017/${index % 40}.jpg`, ask: () => 'What do you see?' },
}; // oxfmt-ignore

/** Rows of the whole file that have outer white space in a value, and that name a picture nobody has. */
export const SPACED_ROWS = 673;
export const MISSING_ROWS = 355;

/**
 * Rows as `llava_v1_5_mix665k.json` has them, with its known mess: no label in any row, no `image` but `"model": ""` in
 * ShareGPT's, whole numbers as ids of GQA's, white space around values, one turn with keys of its own, pictures of
 * OCR-VQA that its download script does not bring.
 *
 * @param scale share of the published counts; 1 gives 665,298 rows
 * @param answerLength characters that are added to every answer
 */
export function* mixtureRows(scale: number, answerLength = 0): Generator<MixtureRow> {
  const more = ' It is what it is.'.repeat(Math.ceil(answerLength / 18)).slice(0, answerLength);
  let row = 0;
  let odd = true;
  for (const [task, count] of Object.entries(LLAVA_PUBLISHED_COUNTS)) {
    const { image, ask } = TASKS[task]!;
    const rows = Math.round(count * scale);
    const [spaced, missing] = [Math.ceil(SPACED_ROWS * scale), Math.ceil(MISSING_ROWS * scale)];
    for (let index = 0; index < rows; index += 1, row += 1) {
      const isSpaced = task === 'llava_instruct' && index < spaced;
      const isMissing = task === 'ocrvqa' && index < missing;
      const question = `${image === null ? '' : '<image>\n'}${ask(index)}`;
      const answer = isSpaced ? ` It is number ${row}.${more} \n` : `It is number ${row}.${more}`;
      const turn: MixtureRow['conversations'][number] = { from: 'gpt', value: answer };
      if (task === 'sharegpt' && odd) Object.assign(turn, { text: 'x', markdown: null });
      odd &&= task !== 'sharegpt';
      yield {
        id: task === 'gqa' ? 2_000_000 + index : `${task}-${index}`,
        ...(image === null ? { model: '' } : { image: isMissing ? `ocr_vqa/images/gone-${index}.jpg` : image(index) }),
        conversations: [{ from: 'human', value: question }, turn],
      };
    }
  }
}
