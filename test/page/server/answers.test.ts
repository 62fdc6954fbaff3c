import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import type {
  CheckedRecipe,
  Comparison,
  Excluded,
  LogLine,
  NearRow,
  RowPage,
  RowView,
  RunLine,
  RunView,
  Said,
  Session,
} from '../../../page/api.ts';
import { keyOf } from '../../../page/server/recipes.ts';
import { findExcluded } from '../../../activities/shared/excluded-rows.ts';
import { loadRecipe } from '../../../client/recipe/recipe.ts';
import { parseRowNames } from '../../../dataset/rows/row-names.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { usePage, writeRun } from './served.ts';

const page = usePage();
const rowsOf = async (query: string): Promise<number[]> =>
  (await page.get<RowPage>(`/api/runs/small/rows?${query}`)).rows.map(({ rowIndex }) => rowIndex);

describe('the session and the runs', () => {
  test('a session says what the page is of', async () => {
    expect(await page.get<Session>('/api/session')).toEqual({
      version: '0.0.0',
      isReadOnly: false,
      places: { cluster: null, store: null },
      runsFolder: join(page.folder, 'runs'),
      token: page.token,
    });
  });

  test('a run is a line of the list, as tive list has it', async () => {
    const [line, ...others] = await page.get<RunLine[]>('/api/runs');
    expect(others).toEqual([]);
    expect(line).toMatchObject({
      runName: 'small',
      kind: 'run',
      state: 'done',
      dataset: 'rows.json',
      method: 'tive',
      rowCount: 12,
      selectedCount: 5,
      secondsLeft: null,
    });
  });

  test('a run has its stages, warnings once, its recipe, and whether there is a report', async () => {
    const view = await page.get<RunView>('/api/runs/small');
    expect(view).toMatchObject({
      runName: 'small',
      state: 'done',
      warnings: ['same'],
      reason: null,
      isPaused: false,
      awaitedQuotas: null,
      curves: [],
      hasReport: true,
      temporalUrl: null,
    });
    expect(view.stages.map(({ stage }) => stage)).toEqual(['dataset', 'values', 'report']);
    expect(view.recipe).toContain('task_rules: null');
  });

  test('a run that another command writes is seen at the next look', async () => {
    writeRun(page.folder, 'later', page.result);
    expect((await page.get<RunLine[]>('/api/runs')).map(({ runName }) => runName).sort()).toEqual(['later', 'small']);
    rmSync(join(page.folder, 'runs/later'), { recursive: true });
    expect((await page.get<RunLine[]>('/api/runs')).map(({ runName }) => runName)).toEqual(['small']);
  });

  test('a log has its last lines, of a stage where one is asked; a line that is being written is none', async () => {
    const lines = await page.get<LogLine[]>('/api/runs/small/log?stage=dataset&limit=1');
    expect(lines).toEqual([
      {
        at: '2026-01-01T00:00:00.000Z',
        level: 'error',
        message: 'three',
        stage: 'dataset',
        attributes: { run: 'small', shard: 3 },
      },
    ]);
    const all = await page.get<LogLine[]>('/api/runs/small/log');
    expect(all.map(({ message, level }) => [message, level])).toEqual([
      ['one', 'info'],
      ['two', 'warn'],
      ['three', 'error'],
    ]);
  });

  test('nobody at a run: what is done to one at work is refused with 409', async () => {
    const { status, body } = await page.post('/api/runs/small/pause', {});
    expect([status, body.toString()]).toEqual([409, expect.stringContaining('pause: run must be at work') as string]);
  });
});

describe('rows', () => {
  test('come with what the tables know of them, and what they say', async () => {
    const found = await page.get<RowPage>('/api/runs/small/rows');
    expect(found).toMatchObject({
      total: 12,
      all: 12,
      isPartial: false,
      tasks: [
        { task: '=sum', count: 6 },
        { task: 'b', count: 6 },
      ],
      reasons: [
        { reason: 'answer_empty', count: 1 },
        { reason: 'gradient_zero', count: 1 },
      ],
    });
    expect(found.rows[9]).toEqual({
      rowIndex: 9,
      id: '9',
      task: 'b',
      state: 'selected',
      reason: null,
      copies: 2,
      value: 0.4,
      loss: 1.25,
      norm: 2,
      tokens: 0,
      pictureCount: 1,
      question: 'question 9 <b>ü</b>',
      answer: 'answer 9',
    });
    expect(found.rows[2]).toMatchObject({ state: 'set_aside', reason: 'answer_empty', value: null, loss: null });
    expect(found.rows[11]).toMatchObject({ state: 'set_aside', reason: 'gradient_zero' });
  });

  test('are filtered, sorted and cut', async () => {
    expect(await rowsOf('state=selected&sort=value&descending=true')).toEqual([9, 8, 1, 0]);
    expect(await rowsOf('sort=value&limit=3&offset=1')).toEqual([1, 3, 4]);
    expect(await rowsOf('task=b&leastValue=0.15&mostValue=0.45')).toEqual([7, 8, 9]);
    expect(await rowsOf('reason=answer_empty')).toEqual([2]);
    expect((await page.ask('/api/runs/small/rows?limit=501')).status).toBe(400);
  });

  test('are found by a text in a turn, whatever its case, and within other conditions', async () => {
    expect(await rowsOf(`text=${encodeURIComponent('QUESTION 1 <B>Ü')}`)).toEqual([1]);
    expect(await rowsOf('text=answer%201')).toEqual([1, 10, 11]);
    expect(await rowsOf('text=answer%201&state=selected')).toEqual([1]);
    expect(await rowsOf('text=nobody')).toEqual([]);
  });

  test('one has its turns, its rank and why it is where it is', async () => {
    const view = await page.get<RowView>('/api/runs/small/rows/9');
    expect(view).toMatchObject({
      turns: [
        { role: 'human', text: '<image>\nquestion 9 <b>ü</b>' },
        { role: 'gpt', text: 'answer 9' },
      ],
      el2n: 0.4,
      rank: 3,
      taskRowCount: 6,
      probability: 0,
      why: 'tive drew it 2 times; it is number 3 by value of the rows of its task, b.',
    });
    const why = async (row: number): Promise<string> => (await page.get<RowView>(`/api/runs/small/rows/${row}`)).why;
    expect(await why(2)).toBe('It was set aside, since it cannot be used: answer_empty.');
    expect(await why(3)).toMatch(/^tive did not draw it; it is number 3 by value/);
  });

  test('of a run without gradients none are near', async () => {
    expect(await page.get<NearRow[]>('/api/runs/small/rows/9/nearest')).toEqual([]);
    expect(await page.get<NearRow[]>('/api/runs/small/rows/2/nearest')).toEqual([]);
    expect((await page.ask('/api/runs/small/rows/12/nearest')).status).toBe(404);
  });

  test('one that there is not is a 404', async () => {
    for (const row of ['12', '9999999999']) expect((await page.ask(`/api/runs/small/rows/${row}`)).status).toBe(404);
    expect((await page.ask('/api/runs/small/rows/one')).status).toBe(400);
  });
});

describe('pictures', () => {
  test('are drawn anew as WebP, no larger than asked, and never made larger', async () => {
    const answer = await page.ask('/api/runs/small/rows/5/pictures/0?edge=100');
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'image/webp']);
    expect(await sharp(answer.body).metadata()).toMatchObject({ format: 'webp', width: 100, height: 50 });
    const whole = await page.ask('/api/runs/small/rows/5/pictures/0?edge=99999');
    expect(await sharp(whole.body).metadata()).toMatchObject({ width: 300, height: 150 });
  });

  test('are no larger than 1024 pixels, and have nothing of the file but its colours', async () => {
    const large = sharp({ create: { width: 2200, height: 1100, channels: 3, background: 'red' } });
    const exif = { IFD0: { Copyright: 'secret of the file' } };
    writeFileSync(join(page.folder, 'pictures/0.png'), await large.withExif(exif).png().toBuffer());
    const { body } = await page.ask('/api/runs/small/rows/0/pictures/0?edge=4000');
    expect(await sharp(body).metadata()).toMatchObject({ width: 1024, height: 512 });
    expect(body.includes('secret of the file')).toBe(false);
  });

  test('that are gone, lie outside of their folder, or that a row has not are a 404', async () => {
    for (const path of ['4/pictures/0', '7/pictures/0', '5/pictures/1', '12/pictures/0'])
      expect((await page.ask(`/api/runs/small/rows/${path}`)).status, path).toBe(404);
  });

  test('that are no pictures by their bytes are a 404', async () => {
    writeFileSync(join(page.folder, 'pictures/1.png'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
    const { status, body } = await page.ask('/api/runs/small/rows/1/pictures/0');
    expect([status, body.toString()]).toEqual([404, expect.stringContaining('image_type') as string]);
  });
});

describe('selections', () => {
  test('two runs stand side by side: rows of both and of each, tasks, scores', async () => {
    writeRun(page.folder, 'other', { ...page.result, methods: page.result.methods.slice(1) });
    const found = await page.get<Comparison>('/api/compare?left=small&right=other');
    expect(found).toMatchObject({ jaccard: 1, bothCount: 4, onlyLeft: [], onlyRight: [], onlyLeftCount: 0 });
    expect(found.tasks).toEqual([
      { task: '=sum', left: 2, right: 2 },
      { task: 'b', left: 3, right: 3 },
    ]);
    expect(found.left.scores.map(({ method }) => method)).toEqual(['tive', 'task_balanced']);
    expect(found.right).toMatchObject({ runName: 'other', method: 'task_balanced', selectedCount: 5 });
    writeRun(page.folder, 'other', { ...page.result, methods: [] });
    expect(await page.get<Comparison>('/api/compare?left=small&right=other')).toMatchObject({
      jaccard: null,
      right: { method: null, selectedCount: null },
    });
  });

  test('rows that were picked are exported beside the selection, and by which command', async () => {
    const answer = await page.post('/api/runs/small/export', { form: 'indices', rows: [5, 0] });
    expect(answer.status, answer.body.toString()).toBe(200);
    const { command, message } = JSON.parse(answer.body.toString()) as Said;
    expect(message).toMatch(/export-rows\/selected_indices\.npy {2}2 rows$/);
    expect(command).toMatch(/export small --to indices --rows \S+export-rows\/rows\.json$/);
    const folder = join(page.folder, 'runs/small/export-rows');
    expect(readFileSync(join(folder, 'selected_indices.json'), 'utf8')).toBe('[0,5]\n');
    expect(readFileSync(join(folder, 'rows.json'), 'utf8')).toBe('[5,0]\n');
  });

  test('all rows of a filter are exported but some, without those that are set aside', async () => {
    const exported = async (all: object): Promise<{ message: string; rows: unknown }> => {
      const answer = await page.post('/api/runs/small/export', { form: 'indices', rows: null, all });
      expect(answer.status, answer.body.toString()).toBe(200);
      const path = join(page.folder, 'runs/small/export-rows/selected_indices.json');
      const { message } = JSON.parse(answer.body.toString()) as Said;
      return { message, rows: JSON.parse(readFileSync(path, 'utf8')) };
    };
    const some = await exported({ filter: { task: 'b', leastValue: 0.15, mostValue: 0.45 }, except: [8, 99] });
    expect(some.rows).toEqual([7, 9]);
    expect(some.message).toMatch(/ {2}2 rows$/);
    const all = await exported({ filter: {}, except: [] });
    expect(all.rows).toEqual([0, 1, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(all.message).toMatch(/ {2}10 rows, without 2 rows that are set aside$/);
    // A search in texts is read to its end.
    expect((await exported({ filter: { text: 'ANSWER 1' }, except: [] })).rows).toEqual([1, 10]);
  });

  test('rows that cannot be used, a table of picked rows, and other forms are refused', async () => {
    for (const body of [
      { form: 'indices', rows: [2] },
      { form: 'indices', rows: [12] },
      { form: 'indices', rows: [] },
      { form: 'csv', rows: [0] },
      { form: 'zip', rows: null },
      { form: 'csv' },
      { form: 'csv', rows: null, all: { filter: {}, except: [] } },
      { form: 'indices', rows: null, all: { filter: { leastLoss: '1' }, except: [] } },
      { form: 'indices', rows: null, all: { filter: { offset: 1 }, except: [] } },
      { form: 'indices', rows: null, all: { filter: { task: 'nobody' }, except: [] } },
      { form: 'indices', rows: null, all: { filter: {} } },
      [],
    ])
      expect((await page.post('/api/runs/small/export', body)).status, JSON.stringify(body)).toBe(400);
  });
});

describe('rows that are left out', () => {
  const exclude = async (body: object): Promise<Excluded> => {
    const answer = await page.post('/api/runs/small/exclude', body);
    expect(answer.status, answer.body.toString()).toBe(200);
    return JSON.parse(answer.body.toString()) as Excluded;
  };

  test('stand by content in a list beside the recipes, and a recipe of the run names it', async () => {
    const { message, recipe, command } = await exclude({ rows: [9, 0, 2] });
    const file = recipe.name.replace('.yaml', '.txt');
    expect(file).toMatch(/^small-without-[0-9a-f]{6}\.txt$/);
    expect(message).toMatch(/small-without-\w+\.txt {2}2 rows to leave out, beside 1 row that cannot be used$/);
    expect(command).toMatch(/select small dataset\.exclude_rows=\S+\.txt$/);
    const { hashes, ids } = parseRowNames(readFileSync(join(page.folder, file), 'utf8'));
    const { rows } = page.result.dataset!;
    const store = new LocalStore(join(page.folder, 'store'));
    const found = await findExcluded(store, rows, { hashes, ids });
    expect([[...found.rowIndexes], found.unknown, ids.size]).toEqual([[0, 9], [], 0]);
    const read = parse(recipe.text) as object;
    expect(read).toEqual({
      extends: 'runs/small/recipe.resolved.yaml',
      run: { name: recipe.name.replace('.yaml', '') },
      dataset: { exclude_rows: file },
    });
    writeFileSync(join(page.folder, recipe.name), recipe.text);
    const { config } = loadRecipe(join(page.folder, recipe.name), { checksFiles: false });
    expect(config).toEqual({
      ...page.result.config,
      run: { ...page.result.config.run, name: recipe.name.replace('.yaml', '') },
      dataset: { ...page.result.config.dataset, excludeRows: join(page.folder, file) },
    });
  });

  test('of a filter are those that it wants, and the same rows are the same file', async () => {
    const all = { rows: null, all: { filter: { task: 'b', leastValue: 0.15, mostValue: 0.45 }, except: [8] } };
    const [first, second] = [await exclude(all), await exclude({ rows: [9, 7] })];
    expect(second.recipe).toEqual(first.recipe);
    expect(first.message).toMatch(/ {2}2 rows to leave out$/);
  });

  test('are added to those that the run has left out already', async () => {
    const former = join(page.folder, 'former.txt');
    writeFileSync(former, 'nobody');
    const { config } = page.result;
    writeRun(page.folder, 'fewer', {
      ...page.result,
      config: { ...config, dataset: { ...config.dataset, excludeRows: former } },
    });
    const answer = await page.post('/api/runs/fewer/exclude', { rows: [1] });
    const { recipe } = JSON.parse(answer.body.toString()) as Excluded;
    const { ids, hashes } = parseRowNames(
      readFileSync(join(page.folder, recipe.name.replace('.yaml', '.txt')), 'utf8'),
    );
    expect([[...ids], hashes.size]).toEqual([['nobody'], 1]);
    rmSync(join(page.folder, 'runs/fewer'), { recursive: true });
  });

  test('must be chosen, be of the run, and one at least be usable', async () => {
    for (const body of [{ rows: null }, { rows: [12] }, { rows: [2] }, { rows: [] }, { form: 'llava', rows: [0] }, {}])
      expect((await page.post('/api/runs/small/exclude', body)).status, JSON.stringify(body)).toBe(400);
  });
});

describe('recipes', () => {
  const check = async (text: string): Promise<CheckedRecipe> =>
    JSON.parse((await page.post('/api/recipe/check', { text, name: 'mine.yaml' })).body.toString()) as CheckedRecipe;

  test('have a schema with descriptions', async () => {
    const schema = await page.get<{ title: string }>('/api/recipe/schema');
    expect(schema.title).toBe('Recipe of tive');
    expect(JSON.stringify(schema)).toContain('"description"');
  });

  test('that are right are shown with all defaults and the command that runs them', async () => {
    const text = `model: { path: ${page.folder} }\ndataset: { path: rows.json }\nrun: { name: mine }\n`;
    const found = await check(text);
    expect(found).toMatchObject({
      findings: [],
      runName: 'mine',
      command: expect.stringMatching(/run \S+mine\.yaml$/) as string,
    });
    expect(found.resolved).toContain(`path:\n    - ${join(page.folder, 'rows.json')}`);
    expect(found.resolved).toContain('budget_fraction');
  });

  test('that are wrong are told by key and place', async () => {
    const text = `model: { path: ${page.folder} }\ndataset: { path: rows.json }\ngradients: { sketch: -1, sketsh: 4 }\n`;
    const { findings, resolved } = await check(text);
    expect(resolved).toBeNull();
    expect(findings.map(({ key }) => key)).toContain('gradients.sketch');
    expect(findings.map(({ message }) => message).join('\n')).toMatch(/mine\.yaml:3:\d+.*did you mean "sketch"\?/s);
    expect((await check(': [')).findings[0]!.message).toMatch(/must be YAML/);
  });

  test('are saved without being run, right or not, and never over a file that the page has not written', async () => {
    const save = (name: string, text: string) => page.post('/api/recipe/save', { name, text });
    const saved = JSON.parse((await save('draft.yaml', 'run: { seed: -1 }\n')).body.toString()) as Said;
    expect(saved).toMatchObject({
      message: expect.stringMatching(/^saved as \S*draft\.yaml$/) as string,
      runName: null,
      command: expect.stringMatching(/run \S*draft\.yaml$/) as string,
    });
    expect((await save('draft.yaml', 'run: { seed: 1 }\n')).status).toBe(200);
    expect(readFileSync(join(page.folder, 'draft.yaml'), 'utf8')).toBe('run: { seed: 1 }\n');
    writeFileSync(join(page.folder, 'theirs.yaml'), 'theirs: true\n');
    expect((await save('theirs.yaml', 'run: { seed: 1 }\n')).status).toBe(409);
    expect(readFileSync(join(page.folder, 'theirs.yaml'), 'utf8')).toBe('theirs: true\n');
    expect((await save('../draft.yaml', '')).status).toBe(400);
  });

  test('a finding is of the key that it names', () => {
    expect(keyOf('a.yaml:3:1 gradients.sketch: must be …')).toBe('gradients.sketch');
    expect(keyOf('dataset.path: file must exist, got "x"')).toBe('dataset.path');
    expect(keyOf('preset demo model: must be …')).toBe('model');
    expect(keyOf('a.yaml:3:1: keys must be known, got "x"')).toBeNull();
  });
});
