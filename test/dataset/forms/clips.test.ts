import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { convertData } from '../../../client/data/convert-data.ts';
import { parseRow } from '../../../dataset/rows/parse-row.ts';
import type { ParseOptions, ParsedRow } from '../../../dataset/rows/parse-row.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';
import { conversation } from '../small-folder.ts';

const OPTIONS: ParseOptions = { format: 'auto', form: null, taskField: 'dataset', maxImages: 2 };

const parse = (row: object): ReturnType<typeof parseRow> => parseRow(Buffer.from(JSON.stringify(row)), OPTIONS);

function parsed(row: object): ParsedRow {
  const result = parse(row);
  if (isRejection(result)) throw new Error(`${result.reason}: ${result.detail}`);
  return result;
}

const asked = (question: string, keys: object): object => ({ conversations: conversation(question, 'A.'), ...keys });
const file = (kind: string, name: string): object => ({ kind, files: [name], isFrames: false });
const frames = (...files: string[]): object => ({ kind: 'video', files, isFrames: true });
const questionOf = ({ promptTurns }: ParsedRow): string => promptTurns[0]!.value;

describe('clips of a row', () => {
  test.each<[string, object, object[]]>([
    ['<video>Q?', { video: 'a.mp4' }, [file('video', 'a.mp4')]],
    ['<video>Q?', { video: { path: 'a.mp4', bytes: null } }, [file('video', 'a.mp4')]],
    ['<video>Q?', { video: ['1.jpg', '2.png'] }, [frames('1.jpg', '2.png')]],
    ['<video><video>', { video: ['a.mp4', 'b.mp4'] }, [file('video', 'a.mp4'), file('video', 'b.mp4')]],
    ['<video><video>', { videos: [['1.jpg', '2.jpg'], 'b.mp4'] }, [frames('1.jpg', '2.jpg'), file('video', 'b.mp4')]],
    ['<audio>Q?', { audio: 'a.wav' }, [file('audio', 'a.wav')]],
    ['<audio>, <audio>?', { audios: ['a.wav', 'b.wav'] }, [file('audio', 'a.wav'), file('audio', 'b.wav')]],
    ['<audio><video>', { audio: 'a.wav', video: 'b.mp4' }, [file('video', 'b.mp4'), file('audio', 'a.wav')]],
  ])('%s with %j', (question, keys, clips) => {
    const row = parsed(asked(question, keys));
    expect(row.clips).toEqual(clips);
    expect(row.images).toEqual([]);
    expect(row.unreadKeys).toEqual([]);
    expect(questionOf(row)).toBe(question);
  });

  test('may stand in parts of a content, with their paths or with those of the row', () => {
    const inParts = (part: object, keys: object = {}): ParsedRow =>
      parsed({
        messages: [
          { role: 'user', content: [part, { type: 'text', text: 'Q?' }] },
          { role: 'assistant', content: 'A.' },
        ],
        ...keys,
      });
    expect(inParts({ type: 'audio', audio: 'a.wav' }).clips).toEqual([file('audio', 'a.wav')]);
    expect(inParts({ type: 'audio_url', audio_url: { url: 'a.wav' } }).clips).toEqual([file('audio', 'a.wav')]);
    expect(inParts({ type: 'video', video: ['1.jpg', '2.jpg'] }).clips).toEqual([frames('1.jpg', '2.jpg')]);
    const row = inParts({ type: 'video' }, { videos: ['a.mp4'] });
    expect(row.clips).toEqual([file('video', 'a.mp4')]);
    expect(questionOf(row)).toBe('<video>Q?');
  });

  test('may stand under another key that the recipe names', () => {
    const row = asked('<audio>Q?', { sound: 'a.wav' });
    const read = parseRow(Buffer.from(JSON.stringify(row)), { ...OPTIONS, columns: { audio: 'sound' } });
    expect(read).toMatchObject({ clips: [file('audio', 'a.wav')] });
    expect(parse(asked('Q?', { sound: 'a.wav' }))).toMatchObject({ clips: [] });
  });

  test('take the place of LLaVA’s <image> where there are no pictures', () => {
    const row = parsed(asked('<image>\nQ?', { video: 'a.mp4' }));
    expect(questionOf(row)).toBe('<video>\nQ?');
    expect(row.clips).toEqual([file('video', 'a.mp4')]);
  });

  test('stand in front of a question that is asked once', () => {
    const row = parsed({ question: 'What is said?', answer: 'Yes.', audio: 'a.wav' });
    expect(questionOf(row)).toBe('<audio>\nWhat is said?');
  });

  test('stand beside pictures where the texts have a place for them; else they are where frames come from', () => {
    const pictured = (question: string, keys: object): object => asked(question, { image: '1.jpg', ...keys });
    expect(parsed(pictured('<image><video>Q?', { video: 'a.mp4' })).clips).toEqual([file('video', 'a.mp4')]);
    expect(parsed(pictured('<image>Q?', { video: 'a.mp4' }))).toMatchObject({ clips: [], unreadKeys: ['video'] });
  });

  test('are none where a text alone speaks of them, or a key is empty', () => {
    expect(parsed(asked('What does <video> do in HTML?', {})).clips).toEqual([]);
    expect(parsed(asked('Q?', { video: null, videos: [], audio: '' })).clips).toEqual([]);
  });
});

test('rows with clips are converted with their paths, whatever named them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tive-clips-'));
  const rows = [
    asked('<video>Q?', { video: ['1.jpg', '2.jpg'] }),
    {
      messages: [
        { role: 'user', content: [{ type: 'audio', audio: 'a.wav' }] },
        { role: 'assistant', content: 'A.' },
      ],
    },
  ];
  writeFileSync(join(folder, 'in.json'), JSON.stringify(rows));
  await convertData([join(folder, 'in.json')], join(folder, 'out.json'), 'sharegpt', 'dataset');
  const converted = JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8')) as object[];
  rmSync(folder, { recursive: true });
  expect(converted).toMatchObject([{ videos: [['1.jpg', '2.jpg']] }, { audios: ['a.wav'] }]);
  expect(converted.map((row) => parsed(row).clips)).toEqual(rows.map((row) => parsed(row).clips));
  expect(converted.flatMap(Object.keys)).toEqual(['messages', 'images', 'videos', 'messages', 'images', 'audios']);
});

test.each<[object, string, string]>([
  [
    asked('Q?', { video: 'a.mp4' }),
    'media_count_mismatch',
    '<video> count must equal video clips, got 0 and 1; write it where each belongs',
  ],
  [
    asked('<audio>Q?', { audios: ['a.wav', 'b.wav'] }),
    'media_count_mismatch',
    '<audio> count must equal audio clips, got 1 and 2; write it where each belongs',
  ],
  [
    { conversations: conversation('<audio>Q?', 'A <audio>.'), audio: 'a.wav' },
    'media_count_mismatch',
    '<audio> count must equal audio clips, got one in the answer of turn 1',
  ],
  [
    {
      messages: [
        { role: 'user', content: [{ type: 'audio' }] },
        { role: 'assistant', content: 'A.' },
      ],
    },
    'media_count_mismatch',
    '<audio> count must equal audio clips, got 1 and 0; write it where each belongs',
  ],
  [asked('<audio>Q?', { audio: 5 }), 'image_field_type', 'audio must be a path, got 5'],
  [asked('<video>Q?', { videos: [[1]] }), 'image_field_type', 'videos must be a path or a list of frames, got [1]'],
])('%j is set aside as %s', (row, reason, detail) => {
  expect(parse(row)).toMatchObject({ reason, detail });
});
