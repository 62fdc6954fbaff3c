import { describe, expect, test } from 'vitest';
import type { TaskRule, TaskRules } from '../../../contracts/config.ts';
import type { Turn } from '../../../dataset/forms/conversation.ts';
import { LLAVA_PUBLISHED_COUNTS, taskOf } from '../../../dataset/tasks/task-rules.ts';

const LETTER = "Answer with the option's letter from the given choices directly.";
const PHRASE = 'Answer the question using a single word or phrase.';
const REGION = 'Please provide a short description for this region: [0.1, 0.2, 0.3, 0.4].';
const BOX = 'Please provide the bounding box coordinate of the region this sentence describes: a cat.';

const talk = (...values: string[]): Turn[] =>
  values.map((value, index) => ({ role: index % 2 === 0 ? 'human' : 'gpt', value }));

type NamedRules = Exclude<TaskRules, 'cluster'>;

const task = (rules: NamedRules, image: string | null, ...values: string[]): string | null =>
  taskOf({ task: null, images: image === null ? [] : [image], turns: talk(...values) }, rules);

describe('the rules llava-1.5', () => {
  test.each([
    [null, 'Hello', 'sharegpt'],
    [null, LETTER, 'sharegpt'],
    ['gqa/images/1.jpg', `What is it?\n${PHRASE}`, 'gqa'],
    ['ocr_vqa/images/1.jpg', `Who wrote it?\n${PHRASE}`, 'ocrvqa'],
    ['textvqa/train_images/1.jpg', 'Provide a one-sentence caption.', 'textcaps'],
    ['vg/VG_100K/1.jpg', REGION, 'vg'],
    ['vg/VG_100K_2/1.jpg', BOX, 'vg'],
    ['coco/train2017/1.jpg', `Which?\nA. x\n${LETTER}`, 'aokvqa'],
    ['coco/train2017/1.jpg', REGION, 'refcoco'],
    ['coco/train2017/1.jpg', BOX, 'refcoco'],
    ['coco/train2017/1.jpg', `What is it?\n${PHRASE}`, 'vqav2_okvqa'],
    ['coco/train2017/1.jpg', 'Describe the scene.', 'llava_instruct'],
    ['other/1.jpg', PHRASE, 'other'],
    ['my/coco/1.jpg', PHRASE, 'other'],
    ['cocoa/1.jpg', PHRASE, 'other'],
    ['GQA/1.jpg', PHRASE, 'other'],
  ])('give %j with %j the task %s', (image, question, wanted) => {
    expect(task('llava-1.5', image, `<image>\n${question}`, 'A.')).toBe(wanted);
  });

  test('take the first match: letter before region, region before phrase', () => {
    expect(task('llava-1.5', 'coco/1.jpg', PHRASE, 'A.', REGION, 'A.', LETTER, 'A.')).toBe('aokvqa');
    expect(task('llava-1.5', 'coco/1.jpg', PHRASE, 'A.', BOX, 'A.')).toBe('refcoco');
  });

  test('ignore case, and the form of the apostrophe', () => {
    expect(task('llava-1.5', 'coco/1.jpg', 'ANSWER WITH THE OPTION’S LETTER FROM THE GIVEN CHOICES.', 'A.')).toBe(
      'aokvqa',
    );
    expect(task('llava-1.5', 'coco/1.jpg', PHRASE.toUpperCase(), 'A.')).toBe('vqav2_okvqa');
  });

  test('search the human turns alone, and all of them', () => {
    expect(task('llava-1.5', 'coco/1.jpg', 'What?', LETTER)).toBe('llava_instruct');
    expect(task('llava-1.5', 'coco/1.jpg', 'What?', 'A.', LETTER, 'B.')).toBe('aokvqa');
  });

  test('name the tasks of the published file, whose rows sum to 665,298', () => {
    const counts = Object.values(LLAVA_PUBLISHED_COUNTS);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(665_298);
    expect(Object.keys(LLAVA_PUBLISHED_COUNTS).sort()).toEqual(
      ['aokvqa', 'gqa', 'llava_instruct', 'ocrvqa', 'refcoco', 'sharegpt', 'textcaps', 'vg', 'vqav2_okvqa'].sort(),
    );
  });
});

describe('other rules', () => {
  test.each<[NamedRules, string | null, string | null]>([
    ['prefix', 'coco/train2017/1.jpg', 'coco'],
    ['prefix', 'gqa/1.jpg', 'gqa'],
    ['prefix', null, 'text'],
    ['prefix', '1.jpg', 'no_folder'],
    ['single', 'coco/1.jpg', 'all'],
    ['single', null, 'all'],
    [null, 'coco/1.jpg', null],
    [null, null, null],
  ])('%s gives %j the task %j', (rules, image, wanted) => {
    expect(task(rules, image, PHRASE, 'A.')).toBe(wanted);
  });

  test.each<NamedRules>(['llava-1.5', 'prefix', 'single', null])("%s leaves a row's own label", (rules) => {
    expect(taskOf({ task: 'own', images: ['gqa/1.jpg'], turns: talk(PHRASE, 'A.') }, rules)).toBe('own');
  });
});

describe('rules of one’s own', () => {
  const rules: TaskRule[] = [
    { task: 'maths', image: null, question: 'what is' },
    { task: 'chat', image: null },
    { task: 'choice', image: 'quiz/', question: "the OPTION's letter" },
    { task: 'quiz', image: 'quiz/' },
  ];

  test.each<[string | null, string, string | null]>([
    [null, 'What is 2 and 3?', 'maths'],
    [null, 'Hello!', 'chat'],
    ['quiz/1.jpg', 'Say the option’s letter.', 'choice'],
    ['quiz/1.jpg', 'What is it?', 'quiz'],
    ['other/quiz/1.jpg', 'What is it?', null],
  ])('for %j and %j the first that fits: %j', (image, question, wanted) => {
    expect(task(rules, image, question, 'The option’s letter.')).toBe(wanted);
  });
});
