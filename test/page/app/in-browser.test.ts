// The page in a browser, over made-up runs: every view, by keyboard, in both schemes, narrow and wide.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recipeJsonSchema } from '../../../client/recipe/json-schema.ts';
import { ROW_COUNT } from '../../../page/app/fake/fake-rows.ts';
import { startFakeServer } from '../../../page/app/fake/fake-server.ts';
import type { FakeServer } from '../../../page/app/fake/fake-server.ts';
import { HAS_CHROMIUM, PAGE_FOLDER, drawn, excessWidth, findings, heightOf, useChromium } from './chromium.ts';

const VIEWS: [name: string, hash: string, shown: string][] = [
  ['runs', '#/runs', 'on the cluster'],
  ['no run that is wanted', '#/runs?text=no+such+words', 'No run is like that'],
  ['a run at work', '#/runs/mix-at-work', 'Learning rate by step'],
  ['trainings at work', '#/runs/mix-in-training', '192 rows a second, about'],
  ['a run that waits', '#/runs/mix-held', 'Approve the quotas'],
  ['a run that failed', '#/runs/bad-picture-folder', 'must be a folder, got none'],
  ['a run that is done', '#/runs/mix-15-percent', 'Report'],
  ['rows', '#/runs/mix-15-percent/rows', '665,298 rows'],
  ['a row', '#/runs/mix-15-percent/rows?row=1&leastLoss=0.1', 'Nearest by gradient'],
  ['rows as pictures', '#/runs/mix-15-percent/rows?show=gallery', 'row 5'],
  ['no row that is wanted', '#/runs/mix-15-percent/rows?text=no+such+words', 'No row is like that'],
  ['what if', '#/runs/mix-15-percent/what-if?method=loss', 'Further settings'],
  ['compare', '#/compare?left=mix-15-percent&right=half-way', 'Selected rows of each task'],
  ['compare, nothing chosen', '#/compare', 'Choose two runs'],
  ['start', '#/start', 'Memory where most is needed'],
  ['no view', '#/elsewhere', 'Nothing is here'],
  ['no run', '#/runs/lost', 'runs: "lost" must be a run of ./runs, got none'],
];

/** Of a page over no runs that only shows. */
const EMPTY_VIEWS: typeof VIEWS = [
  ['runs where there are none', '#/runs', 'There is no run in ./runs, on temporal:7233, in s3://team/tive yet'],
  ['a page that only shows', '#/runs/mix-at-work', 'This page only shows'],
  ['what if in a page that only shows', '#/runs/mix-15-percent/what-if', 'This page only shows'],
];

const WIDTHS = [1920, 1440, 768, 390];

describe.skipIf(!HAS_CHROMIUM)('the page in chromium', () => {
  const browser = useChromium();
  const { complaints } = browser;
  let [server, emptyServer]: [FakeServer | null, FakeServer | null] = [null, null];

  beforeAll(async () => {
    const options = { folder: PAGE_FOLDER, schema: recipeJsonSchema() };
    server = await startFakeServer(options);
    emptyServer = await startFakeServer({ ...options, isEmpty: true, isReadOnly: true });
  });
  afterAll(async () => {
    await server?.close();
    await emptyServer?.close();
  });

  const open = (hash: string): Promise<Page> => browser.open(`${server!.address}/${hash}`);

  describe('at every width, in light and in dark', () => {
    let page: Page | null = null;

    test.each([
      ...VIEWS.map(([name, hash, shown]) => ({ name, hash, shown, isEmpty: false })),
      ...EMPTY_VIEWS.map(([name, hash, shown]) => ({ name, hash, shown, isEmpty: true })),
    ])(
      '$name is shown, keeps to the policy and can be read by all',
      async ({ hash, shown, isEmpty }) => {
        const { address } = isEmpty ? emptyServer! : server!;
        // One page for all views of a server: the way from view to view is a person's.
        if (page?.url().startsWith(`${address}/`)) await page.goto(`${address}/${hash}`);
        else page = await browser.open(`${address}/${hash}`);
        const found: Record<string, string[]> = {};
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: heightOf(width) });
          await page.getByText(shown).first().waitFor();
          await drawn(page);
          expect(await excessWidth(page), `${width} pixels`).toBeLessThanOrEqual(0);
          for (const scheme of ['light', 'dark'] as const) {
            await page.emulateMedia({ colorScheme: scheme });
            await drawn(page);
            const seen = await findings(page, scheme === 'light' ? 'all' : 'colors');
            if (seen.length > 0) found[`${width} ${scheme}`] = seen;
          }
        }
        expect(found).toEqual({});
        expect(await page.title()).toMatch(/ – tive$/);
        expect(await page.locator('h1').count()).toBe(1);
        expect(complaints).toEqual([]);
      },
      180_000,
    );
  });

  test('the first key reaches the way past the navigation, and that the heading', async () => {
    const opened = await open('#/runs');
    await opened.getByText('mix-at-work').waitFor();
    await opened.keyboard.press('Tab');
    expect(await opened.evaluate('document.activeElement.textContent')).toBe('To the content');
    await opened.keyboard.press('Enter');
    expect(await opened.evaluate('document.activeElement.id')).toBe('title');
  });

  test('rows are walked, opened, chosen and left by keys, to the last of 665,298', async () => {
    const opened = await open('#/runs/mix-15-percent/rows');
    const box = opened.locator('.grid-box');
    await opened.getByRole('gridcell', { name: 'llava_conv' }).first().waitFor();
    await box.focus();
    await opened.keyboard.press('ArrowDown');
    await opened.keyboard.press('ArrowDown');
    await opened.keyboard.press('Space');
    await opened.getByText('1 chosen row').waitFor();
    await opened.keyboard.press('Enter');
    await opened.getByRole('heading', { name: 'Row 2' }).waitFor();
    expect(opened.url()).toMatch(/\?row=2$/);
    await opened.keyboard.press('Escape');
    await opened.getByRole('heading', { name: 'Row 2' }).waitFor({ state: 'detached' });
    expect(await opened.evaluate('document.activeElement.className')).toBe('grid-box');
    await opened.keyboard.press('End');
    await opened.getByText('665,297').waitFor();
    expect(await opened.locator('.grid-height .grid-line').count()).toBeLessThan(60);
    expect(await opened.locator('.grid-box .active').getAttribute('aria-rowindex')).toBe(String(ROW_COUNT + 1));
    const [line, frame] = [await opened.locator('.grid-box .active').boundingBox(), await box.boundingBox()];
    expect(line!.y + line!.height).toBeLessThanOrEqual(frame!.y + frame!.height + 1);
    expect(complaints).toEqual([]);
  });

  test('a list begins with its first row', async () => {
    const opened = await open('#/runs/mix-15-percent/rows');
    await opened.getByRole('gridcell', { name: 'llava_conv' }).first().waitFor();
    expect(await opened.evaluate(`document.querySelector('.grid-box').scrollTop`)).toBe(0);
  });

  test('filters and sorting stand in the address, and the address shows the same again', async () => {
    const opened = await open('#/runs/mix-15-percent/rows');
    await opened.getByLabel('State').selectOption('set_aside');
    await opened.getByLabel('Text').fill('77th corner');
    await opened.getByRole('columnheader', { name: 'Tokens' }).getByRole('button').click();
    const words = /^\d+ of 665,298 rows$/;
    const said = await opened.getByText(words).textContent();
    expect(new URL(opened.url()).hash).toBe(
      '#/runs/mix-15-percent/rows?state=set_aside&text=77th+corner&sort=tokens&order=down',
    );
    await opened.reload();
    expect(await opened.getByText(words).textContent()).toBe(said);
    expect(await opened.getByRole('columnheader', { name: 'Tokens' }).getAttribute('aria-sort')).toBe('descending');
    await opened.getByRole('button', { name: 'Clear 2 filters' }).click();
    await opened.getByText('665,298 rows', { exact: true }).waitFor();
  });

  test('texts of a dataset stay texts', async () => {
    const opened = await open('#/runs/mix-15-percent/rows?row=1');
    await opened.getByText('<script>').first().waitFor();
    expect(await opened.title()).toBe('Rows mix-15-percent – tive');
    expect(await opened.locator('img[src="x"]').count()).toBe(0);
  });

  test('a run is paused at once, and cancelled only after a question', async () => {
    const opened = await open('#/runs/mix-at-work');
    const before = server!.posts.length;
    await opened.getByRole('button', { name: 'Pause' }).click();
    await opened.getByText('tive pause mix-at-work').waitFor();
    await opened.getByRole('button', { name: 'Cancel the run …' }).click();
    await opened.getByRole('dialog', { name: 'Cancel mix-at-work?' }).waitFor();
    expect(await opened.evaluate('document.activeElement.textContent')).toBe('Let it go on');
    await opened.keyboard.press('Escape');
    await opened.getByRole('button', { name: 'Cancel the run …' }).click();
    expect(server!.posts.slice(before).map(({ path }) => path)).toEqual(['/api/runs/mix-at-work/pause']);
    await opened.getByRole('button', { name: 'Cancel the run', exact: true }).click();
    await opened.getByText('tive cancel mix-at-work').waitFor();
    expect(server!.posts.at(-1)!.path).toBe('/api/runs/mix-at-work/cancel');
  });

  test('curves, pace and time left come by themselves while trainings are at work', async () => {
    const opened = await open('#/runs/mix-in-training');
    const chart = opened.getByRole('img', { name: /^Loss by step: / });
    await chart.waitFor();
    const facts = async (): Promise<{ step: number; left: string; path: string }> => ({
      step: Number(/tive, (\d+) of 700 steps/.exec((await opened.locator('.keys').textContent()) ?? '')![1]),
      left: (await opened.getByText(/^192\srows a second, about .* left$/).textContent())!,
      path: (await chart.locator('path.curve-1:not(.faint)').getAttribute('d'))!,
    });
    await opened.getByText(/^The run has about\s6\smin left\.$/).waitFor();
    const ends = chart.locator('circle');
    const first = await facts();
    expect(await ends.count()).toBe(2);
    // The whole training has its place: a line that has got to a quarter ends at a quarter.
    const [end, box] = [await ends.first().boundingBox(), await chart.boundingBox()];
    const share = (end!.x + end!.width / 2 - box!.x - 52) / (box!.width - 52 - 12);
    expect(Math.abs(share - (first.step - 1) / 699)).toBeLessThan(0.05);
    for (const key of ['step', 'left', 'path'] as const)
      await expect.poll(async () => (await facts())[key], { timeout: 30_000 }).not.toBe(first[key]);
    const second = await facts();
    expect(second.step).toBeGreaterThan(first.step);
    expect(second.path.length).toBeGreaterThan(first.path.length);
    await opened.getByText('Numbers').click();
    await opened.getByRole('row', { name: /^warmup 288 / }).waitFor();
    await opened.getByRole('row', { name: /^tive \d+ of 700 / }).waitFor();
    expect(complaints).toEqual([]);
  });

  test('quotas are approved', async () => {
    const opened = await open('#/runs/mix-held');
    await opened.getByRole('button', { name: 'Approve the quotas' }).click();
    await opened.getByText('tive approve mix-held').waitFor();
    expect(server!.posts.at(-1)).toEqual({ path: '/api/runs/mix-held/approve', body: {} });
  });

  test('chosen rows are exported', async () => {
    const opened = await open('#/runs/mix-15-percent/rows?show=gallery');
    await opened.getByLabel('choose row 5', { exact: true }).check();
    await opened.getByLabel('choose row 3', { exact: true }).check();
    expect(await opened.getByLabel('Form').textContent()).toBe('llavajsonlsharegptindices');
    await opened.getByLabel('Form').selectOption('jsonl');
    await opened.getByRole('button', { name: 'Write 2 rows' }).click();
    await opened.getByText('wrote runs/export.json').waitFor();
    expect(server!.posts.at(-1)!.body).toEqual({ form: 'jsonl', rows: [3, 5] });
  });

  test('all rows of a filter are chosen at once, one is taken out, and none of them travels', async () => {
    const opened = await open('#/runs/mix-15-percent/rows?leastLoss=3.9&show=gallery&sort=loss');
    const button = opened.getByRole('button', { name: /^Choose all [\d,]+$/ });
    const total = Number((await button.textContent())!.replace(/\D/g, ''));
    expect(total).toBeGreaterThan(10_000);
    await button.click();
    const first = opened.getByRole('checkbox', { name: /^choose row/ }).first();
    expect(await first.isChecked()).toBe(true);
    const row = Number((await first.getAttribute('aria-label'))!.replace(/\D/g, ''));
    await first.uncheck();
    await opened.getByText(`${(total - 1).toLocaleString('en')} chosen rows`).waitFor();
    expect(await findings(opened)).toEqual([]);
    await opened.getByRole('button', { name: /^Write / }).click();
    await opened.getByText('wrote runs/export.json').waitFor();
    expect(server!.posts.at(-1)!.body).toEqual({
      form: 'llava',
      rows: null,
      all: { filter: { leastLoss: 3.9 }, except: [row] },
    });
    await opened.getByLabel('State').selectOption('selected');
    await opened.getByText('Export', { exact: true }).waitFor();
    expect(await opened.getByRole('checkbox', { name: /^choose row/, checked: true }).count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test('chosen rows are left out of the next run, whose recipe is offered', async () => {
    const opened = await open('#/runs/mix-15-percent/rows?show=gallery');
    await opened.getByLabel('choose row 5', { exact: true }).check();
    await opened.getByRole('button', { name: 'Leave out of the next run' }).click();
    await opened.getByText('tive select mix-15-percent dataset.exclude_rows=').waitFor();
    expect(server!.posts.at(-1)).toEqual({ path: '/api/runs/mix-15-percent/exclude', body: { rows: [5] } });
    expect(await findings(opened)).toEqual([]);
    await opened.getByRole('link', { name: 'start a run' }).click();
    await opened.getByRole('heading', { name: 'Start a run' }).waitFor();
    expect(await opened.getByLabel('YAML').inputValue()).toContain('exclude_rows: mix-15-percent-without-1a2b3c.txt');
    expect(await opened.getByLabel('Saved as').inputValue()).toBe('mix-15-percent-without-1a2b3c.yaml');
    expect(complaints).toEqual([]);
  });

  test('another selection is asked for, and the way back from a row finds it again', async () => {
    const opened = await open('#/runs/mix-15-percent/what-if');
    await opened.getByLabel('Method').selectOption('random');
    await opened.getByLabel('Budget').fill('0,1');
    await opened.getByLabel('loss_cut').check();
    const question = { method: 'random', lambda: null, budget: 0.1, filters: ['loss_cut'], settings: [] };
    await expect.poll(() => server!.posts.at(-1)?.body, { timeout: 10_000 }).toEqual({ ...question, isKept: false });
    await opened.locator('[aria-busy="false"]').getByText('41.2').waitFor();
    const asked = server!.posts.length;
    await opened.getByRole('button', { name: 'Keep it as a run' }).click();
    await opened.getByRole('link', { name: 'mix-15-percent-2' }).waitFor();
    expect(await opened.evaluate('document.activeElement.textContent')).toBe('mix-15-percent-2');
    expect(server!.posts.slice(asked)).toEqual([
      { path: '/api/runs/mix-15-percent/what-if', body: { ...question, isKept: true } },
    ]);
    await opened.getByRole('link', { name: '31', exact: true }).click();
    await opened.getByRole('heading', { name: 'Row 31' }).waitFor();
    await opened.goBack();
    await opened.getByText('41.2').waitFor();
    expect(await findings(opened)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test('the last of several questions wins, one that is wrong is not asked, and answers that are late are dropped', async () => {
    const opened = await open('#/runs/mix-15-percent/what-if?method=loss');
    const held: (() => void)[] = [];
    const asked: unknown[] = [];
    await opened.route('**/what-if', async (sent) => {
      const body = sent.request().postDataJSON() as { method: string };
      asked.push(body.method);
      if (body.method === 'grand') await new Promise<void>((go) => held.push(go));
      // The page may have let go of it.
      await sent.continue().catch(() => undefined);
    });
    await opened.locator('[aria-busy="false"]').getByText('--method loss').waitFor();
    asked.length = 0;
    await opened.getByLabel('Method').selectOption('grand');
    await expect.poll(() => asked.at(-1), { timeout: 10_000 }).toBe('grand');
    expect(await opened.locator('[aria-busy="true"]').getByText('--method loss').count()).toBe(1);
    await opened.getByLabel('Method').selectOption('el2n');
    await opened.locator('[aria-busy="false"]').getByText('--method el2n').waitFor();
    held.forEach((go) => go());
    await opened.getByLabel('Budget').fill('many');
    await opened.getByText('got many').waitFor();
    await opened.getByLabel('Budget').fill('0.2');
    await expect.poll(() => asked, { timeout: 10_000 }).toEqual(['grand', 'el2n', 'el2n']);
    await opened.locator('[aria-busy="false"]').getByText('--method el2n').waitFor();
    expect(complaints).toEqual([]);
  });

  test('what is wrong with a recipe stands at its field, and a right one is run', async () => {
    const opened = await open('#/start');
    await opened.getByText('gradients', { exact: true }).first().click();
    const sketch = opened.getByLabel('sketch', { exact: true });
    await sketch.fill('0');
    await opened.getByText('gradients.sketch: must be at least 1, got 0').waitFor();
    expect(await sketch.getAttribute('aria-invalid')).toBe('true');
    expect(await opened.getByRole('button', { name: 'Save and run' }).isDisabled()).toBe(true);
    expect(await findings(opened)).toEqual([]);
    await sketch.fill('512');
    await opened.getByText('Memory where most is needed').first().waitFor();
    expect(await opened.getByLabel('YAML').inputValue()).toBe(
      'extends: demo\nrun:\n  name: first\ngradients:\n  sketch: 512\n',
    );
    await opened.getByRole('button', { name: 'Save', exact: true }).click();
    await opened.getByText('saved as recipe.yaml').waitFor();
    expect(await opened.getByLabel('command').textContent()).toBe('tive run recipe.yaml');
    expect(server!.posts.at(-1)).toMatchObject({ path: '/api/recipe/save', body: { name: 'recipe.yaml' } });
    await opened.getByRole('button', { name: 'Save and run' }).click();
    await opened.getByRole('link', { name: 'mix-at-work' }).waitFor();
    expect(server!.posts.at(-1)).toMatchObject({ path: '/api/recipe/run', body: { name: 'recipe.yaml' } });
    expect(complaints).toEqual([]);
  });

  test('a folder without runs says the next command, and a read-only page does nothing', async () => {
    const opened = await browser.open(`${emptyServer!.address}/#/runs`);
    await opened.getByText('tive demo').waitFor();
    await opened.goto(`${emptyServer!.address}/#/runs/mix-at-work`);
    await opened.getByText('it was started read-only').waitFor();
    expect(await opened.getByRole('button', { name: 'Pause' }).isDisabled()).toBe(true);
  });
});
