// A dataset of any size, written for benches.
import { copyFile, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** A dataset for benches: its file and the folder of its pictures. */
export interface BenchDataset {
  path: string;
  imageFolder: string;
}

/** Pictures that the rows share. */
const PICTURES = 8;

/** Characters of all answers of a row, about. */
const ANSWER_LENGTH = 1100;
const WRITE_BYTES = 4 * 1024 * 1024;

/**
 * Writes LLaVA JSON of about `byteCount` bytes, streaming: rows of about 1.5 kB with one to three questions, every
 * other one about a picture, all different and all usable.
 *
 * @param pictures folder of PNG files, some of which are copied
 */
export async function writeDataset(folder: string, byteCount: number, pictures: string): Promise<BenchDataset> {
  const [path, imageFolder] = [join(folder, 'train.json'), join(folder, 'images')];
  await mkdir(imageFolder, { recursive: true });
  const names = (await readdir(pictures)).filter((name) => name.startsWith('scene')).sort();
  const images = names.slice(0, PICTURES);
  for (const name of images) await copyFile(join(pictures, name), join(imageFolder, name));
  const nextRow = rowWriter(images);
  const file = await open(path, 'w');
  try {
    let [written, buffered] = [0, '['];
    for (let row = 0; written + buffered.length < byteCount; row += 1) {
      buffered += `${row === 0 ? '' : ','}\n${nextRow(row)}`;
      if (buffered.length < WRITE_BYTES) continue;
      written += (await file.write(buffered)).bytesWritten;
      buffered = '';
    }
    await file.write(`${buffered}\n]\n`);
  } finally {
    await file.close();
  }
  return { path, imageFolder };
}

/** JSON of one row after another. */
function rowWriter(images: readonly string[]): (row: number) => string {
  const draw = generator(1);
  const words = Array.from({ length: 4000 }, () => word(draw));
  // Few words are frequent and many are rare, as in a language.
  const sentence = (): string => {
    const length = 8 + Math.floor(12 * draw());
    const text = Array.from({ length }, () => words[Math.floor(words.length * draw() ** 3)]!).join(' ');
    return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
  };
  const sentences = Array.from({ length: 20_000 }, sentence);
  const pick = (): string => sentences[Math.floor(sentences.length * draw())]!;
  return (row) => {
    const image = row % 2 === 0 ? images[row % images.length] : undefined;
    const questionCount = 1 + (row % 3);
    const conversations: { from: string; value: string }[] = [];
    for (let question = 0; question < questionCount; question += 1) {
      const asked = `${pick()} Which of the ${row} is it?`;
      conversations.push({ from: 'human', value: image !== undefined && question === 0 ? `<image>\n${asked}` : asked });
      let answer = pick();
      while (answer.length < ANSWER_LENGTH / questionCount) answer += ` ${pick()}`;
      conversations.push({ from: 'gpt', value: answer });
    }
    const place = image === undefined ? {} : { image };
    return JSON.stringify({ id: String(row), dataset: `task_${row % 12}`, ...place, conversations });
  };
}

function word(draw: () => number): string {
  const [starts, vowels] = ['bcdfghjklmnprstvwz', 'aeiou'];
  const syllable = (): string => starts[Math.floor(18 * draw())]! + vowels[Math.floor(5 * draw())]!;
  return Array.from({ length: 1 + Math.floor(4 * draw()) }, syllable).join('');
}

/** Numbers in [0, 1) by a linear congruence: the same file every time. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
