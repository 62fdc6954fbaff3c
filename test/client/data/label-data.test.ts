import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { labelData, withField } from '../../../client/data/label-data.ts';

const root = mkdtempSync(join(tmpdir(), 'tive-label-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const talk = '"conversations": [{"from": "human", "value": "<image>?"}, {"from": "gpt", "value": "x"}]';
const options = { taskField: 'dataset', rules: 'llava-1.5' as const };

let files = 0;
async function label(text: string, changed: Partial<typeof options> = {}) {
  const [source, target] = [join(root, `in-${++files}`), join(root, `out-${files}`)];
  writeFileSync(source, text);
  const counts = await labelData(source, target, { ...options, ...changed });
  return { ...counts, tasks: Object.fromEntries(counts.tasks), text: readFileSync(target, 'utf8') };
}

describe('labelling', () => {
  test('adds one key to rows without a label and changes no other byte', async () => {
    const rows = [
      `{"id" : 1.50, "image": "gqa/a.jpg",  ${talk}}`,
      `{ "image": "vg/\\u0041.jpg", ${talk}\n  }`,
      `{"dataset": "own", "image": "gqa/a.jpg", ${talk}}`,
      `{"id": 4}`,
    ];
    const { text, ...counts } = await label(`\ufeff [${rows.join(' ,\n\n')}] `);
    expect(text).toBe(
      [
        `[\n{"id" : 1.50, "image": "gqa/a.jpg",  ${talk}, "dataset": "gqa"}`,
        `{ "image": "vg/\\u0041.jpg", ${talk}, "dataset": "vg"\n  }`,
        rows[2],
        `${rows[3]}\n]\n`,
      ].join(',\n'),
    );
    expect(counts).toEqual({
      rowCount: 4,
      labelledCount: 2,
      unlabelledCount: 1,
      tasks: { gqa: 1, vg: 1, own: 1 },
      notes: [],
    });
  });

  test('gives an empty label its value where it stands, and takes a number for a label', async () => {
    const rows = [`{"dataset" : null, "image": "gqa/a", ${talk}}`, `{"image": "vg/a", ${talk}, "x": {"dataset": 1}, "dataset":"" }`, `{"dataset": 7, ${talk}}`]; // oxfmt-ignore
    const { text, tasks } = await label(rows.join('\n'));
    expect(text.split('\n')).toEqual([
      `{"dataset" : "gqa", "image": "gqa/a", ${talk}}`,
      `{"image": "vg/a", ${talk}, "x": {"dataset": 1}, "dataset":"vg" }`,
      rows[2],
      '',
    ]);
    expect(tasks).toEqual({ gqa: 1, vg: 1, 7: 1 });
  });

  test('keeps lines as lines', async () => {
    const { text } = await label(`{"image": "gqa/a", ${talk}}\n\n{"id": 1}\n`);
    expect(text).toBe(`{"image": "gqa/a", ${talk}, "dataset": "gqa"}\n{"id": 1}\n`);
  });

  test('has other rules and another key', async () => {
    const { text } = await label(`[{"image": "my/a", ${talk}}]`, { taskField: 'task', rules: 'prefix' as never });
    expect(JSON.parse(text)).toMatchObject([{ task: 'my' }]);
    expect((await label('[]')).text).toBe('[]\n');
  });

  test('clusters the questions of rows without a label, and says so', async () => {
    const row = (question: string): string =>
      `{"conversations": [{"from": "human", "value": "${question}"}, {"from": "gpt", "value": "x"}]}`;
    const rows = Array.from({ length: 12 }, (_, index) => row(index % 2 ? 'Which colour is it?' : 'Count the cats.'));
    const { tasks, notes } = await label(`[${rows.join(',')}]`, { rules: 'cluster' as never });
    expect(tasks).toEqual({ '01-cats-count-the': 6, '02-colour-is-it': 6 });
    expect(notes).toEqual([expect.stringMatching(/^task_rules cluster: 2 tasks by the words of 12 questions/)]);
  });

  test('writes no file over another, and none of a source that breaks', async () => {
    const source = join(root, 'broken');
    writeFileSync(source, `[{"image": "gqa/a", ${talk}}, {`);
    await expect(labelData(source, join(root, 'none'), options)).rejects.toThrow('the array must be closed');
    expect(existsSync(join(root, 'none')) || existsSync(join(root, 'none.partial'))).toBe(false);
    await expect(labelData(source, source, options)).rejects.toThrow('output must be a new file');
  });
});

test('a key is added to any object', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.json()), fc.string(), fc.nat(2), (object, value, indent) => {
      const bytes = withField(Buffer.from(JSON.stringify(object, null, indent)), 'new key', value);
      expect(JSON.parse(Buffer.from(bytes).toString('utf8'))).toEqual({ ...object, 'new key': value });
    }),
    { numRuns: 200 },
  );
});
