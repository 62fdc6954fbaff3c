import { describe, expect, test } from 'vitest';
import { ignoredKeys, meaningOf } from '../../../dataset/forms/trainer-keys.ts';
import { contentHash } from '../../../dataset/rows/content-hash.ts';
import { parseRow } from '../../../dataset/rows/parse-row.ts';

const parse = (row: object) =>
  parseRow(Buffer.from(JSON.stringify(row)), { format: 'auto', form: null, taskField: 'dataset', maxImages: 2 });

const dialogue = (first: object, second: object = {}) => ({
  messages: [
    { role: 'user', content: 'Q?', loss: false },
    { role: 'assistant', content: 'A.', ...first },
    { role: 'user', content: 'And?' },
    { role: 'assistant', content: 'B.', ...second },
  ],
});

describe('an answer that the row takes out of the loss', () => {
  test.each([{ loss: false }, { loss: 0 }, { weight: 0 }, { train: false }, { training: false }, { mask: true }])(
    'by %j is masked, and stays in the dialogue',
    (flag) => {
      const row = parse(dialogue(flag, { loss: true, weight: 1 }));
      expect(row).toMatchObject({ turns: [{}, { value: 'A.', isMasked: true }, {}, { value: 'B.' }] });
      expect(row).not.toHaveProperty('turns.0.isMasked');
      expect(row).not.toHaveProperty('turns.3.isMasked');
      expect(row).not.toHaveProperty('ignored');
      expect(parse(dialogue(flag, flag))).toMatchObject({
        reason: 'answers_masked',
        detail: 'an answer must be learnt, got 2 that the row takes out of the loss',
      });
    },
  );

  test('in LLaVA’s form and with a picture is masked too', () => {
    const conversations = [
      { from: 'human', value: '<image>Q?' },
      { from: 'gpt', value: 'A.', loss: false },
      { from: 'human', value: 'And?' },
      { from: 'gpt', value: 'B.' },
    ];
    const row = parse({ image: 'a.png', conversations });
    expect(row).toMatchObject({ promptTurns: [{}, { isMasked: true }, {}, {}] });
  });

  test('makes another row of it', () => {
    const turns = [{ role: 'human' as const, value: 'Q?' }, { role: 'gpt' as const, value: 'A.' }]; // prettier-ignore
    const masked = [turns[0]!, { ...turns[1]!, isMasked: true as const }];
    expect(contentHash(masked, [])).not.toEqual(contentHash(turns, []));
  });
});

describe('a placeholder that a trainer fills', () => {
  const grounded = (answer: string, more: object) => ({
    messages: [
      { role: 'user', content: 'Where is the <ref-object>?' },
      { role: 'assistant', content: answer },
    ],
    ...more,
  });

  test('sets the row aside where the row has what it stands for', () => {
    expect(parse(grounded('<bbox>', { objects: { ref: ['cat'], bbox: [[0, 2, 20, 24]] } }))).toMatchObject({
      reason: 'placeholder_unfilled',
      detail: 'turn 1: value must be the text itself, got <bbox>, which a trainer fills from "objects"; write it out',
    });
    expect(parse(grounded('Here.', { objects: { ref: ['cat'] } }))).toMatchObject({ reason: 'placeholder_unfilled' });
  });

  test('is a text like any other where the row has nothing for it', () => {
    expect(parse(grounded('<bbox>', {}))).toMatchObject({ turns: [{}, { value: '<bbox>' }] });
  });
});

test('keys that a trainer would heed are named, with what they mean', () => {
  const row = { ...dialogue({ tool_calls: [{}], weight: 0.5 }), tools: '[]', objects: null, rejected: 'C.' };
  expect(parse(row)).toMatchObject({ ignored: ['rejected', 'tools', 'turns.tool_calls', 'turns.weight'] });
  expect(ignoredKeys({ tools: [], messages: [null, 'x'] }, 'messages')).toEqual([]);
  expect(meaningOf('turns.weight')).toBe('the weight of the answer in the loss');
});
