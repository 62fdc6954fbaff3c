// The page in a browser, over made-up runs: every view, by keyboard, in both schemes, narrow and wide.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { recipeJsonSchema } from '../../../client/recipe/json-schema.ts';
import { ROW_COUNT } from '../../../page/app/fake/fake-rows.ts';
import { startFakeServer } from '../../../page/app/fake/fake-server.ts';
import type { FakeServer } from '../../../page/app/fake/fake-server.ts';

const CHROMIUM = '/usr/bin/chromium';
const FOLDER = fileURLToPath(new URL('../../../dist/page-app', import.meta.url));

const VIEWS: [name: string, hash: string, shown: string][] = [
  ['runs', '#/runs', 'mix-at-work'],
  ['a run at work', '#/runs/mix-at-work', 'Learning rate by step'],
  ['a run that waits', '#/runs/mix-held', 'Approve the quotas'],
  ['a run that failed', '#/runs/bad-picture-folder', 'must be a folder, got none'],
  ['a run that is done', '#/runs/mix-15-percent', 'Report'],
  ['rows', '#/runs/mix-15-percent/rows', '665,298 rows'],
  ['a row', '#/runs/mix-15-percent/rows?row=1&leastLoss=0.1', 'Nearest by gradient'],
  ['rows as pictures', '#/runs/mix-15-percent/rows?show=gallery', 'row 5'],
  ['what if', '#/runs/mix-15-percent/what-if?method=loss', 'Further settings'],
  ['compare', '#/compare?left=mix-15-percent&right=half-way', 'Selected rows of each task'],
  ['compare, nothing chosen', '#/compare', 'Choose two runs'],
  ['start', '#/start', 'Memory where most is needed'],
  ['no view', '#/elsewhere', 'Nothing is here'],
  ['no run', '#/runs/lost', 'runs: "lost" must be a run of ./runs, got none'],
];

describe.skipIf(!existsSync(CHROMIUM))('the page in chromium', () => {
  let [browser, server]: [Browser | null, FakeServer | null] = [null, null];
  let page: Page | null = null;
  /** What the browser complained of. */
  let complaints: string[] = [];

  beforeAll(async () => {
    server = await startFakeServer({ folder: FOLDER, schema: recipeJsonSchema() });
    const args = ['--headless', '--no-sandbox', '--disable-gpu'];
    browser = await chromium.launch({ executablePath: CHROMIUM, args });
  });
  afterEach(async () => {
    await page?.context().close();
    page = null;
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  interface Opened {
    width?: number;
    scheme?: 'light' | 'dark';
    at?: FakeServer;
  }

  async function open(hash: string, { width = 1440, scheme = 'light', at = server! }: Opened = {}): Promise<Page> {
    const context = await browser!.newContext({
      viewport: { width, height: width < 500 ? 844 : 900 },
      colorScheme: scheme,
      reducedMotion: 'reduce',
    });
    page = await context.newPage();
    complaints = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(at.address)) complaints.push(`asked for ${request.url()}`);
    });
    page.on('console', (message) => {
      // A refusal is shown by the page; the browser notes it too.
      if (message.type() === 'error' && !/status of 40\d/.test(message.text())) complaints.push(message.text());
    });
    await page.addInitScript(
      `addEventListener('securitypolicyviolation', (event) => console.error('policy ' + event.violatedDirective))`,
    );
    await page.goto(`${at.address}/${hash}`);
    return page;
  }

  /** What axe finds that is serious or worse, as `rule: element`. */
  async function findings(shown: Page): Promise<string[]> {
    await shown.evaluate(axe.source);
    const { violations } = (await shown.evaluate('axe.run()')) as axe.AxeResults;
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ''}`));
  }

  describe.each([
    [1440, 'light'],
    [390, 'dark'],
  ] as const)('at %i pixels, %s', (width, scheme) => {
    test.each(VIEWS)('%s is shown, keeps to the policy and can be read by all', async (_, hash, shown) => {
      const opened = await open(hash, { width, scheme });
      await opened.getByText(shown).first().waitFor();
      expect(await opened.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
      expect(await findings(opened)).toEqual([]);
      expect(await opened.title()).toMatch(/ – tive$/);
      expect(await opened.locator('h1').count()).toBe(1);
      expect(complaints).toEqual([]);
    });
  });

  test('at 1,920 pixels the page is as wide as its text needs and no wider than the window', async () => {
    const opened = await open('#/runs/mix-15-percent/rows?row=1', { width: 1920 });
    await opened.getByText('Nearest by gradient').waitFor();
    expect(await opened.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
  });

  test('the first key reaches the way past the navigation, and that the heading', async () => {
    const opened = await open('#/runs');
    await opened.getByText('mix-at-work').waitFor();
    await opened.keyboard.press('Tab');
    expect(await opened.evaluate('document.activeElement.textContent')).toBe('To the content');
    await opened.keyboard.press('Enter');
    expect(await opened.evaluate('document.activeElement.id')).toBe('title');
  });

  test('every control of the list is reached by Tab', async () => {
    const opened = await open('#/runs');
    await opened.getByText('mix-at-work').waitFor();
    const reached = new Set<string>();
    for (let step = 0; step < 40; step += 1) {
      await opened.keyboard.press('Tab');
      reached.add(String(await opened.evaluate('document.activeElement.textContent || document.activeElement.id')));
    }
    for (const name of ['Compare', 'Start', 'Run', 'Changed', 'mix-at-work', 'half-way'])
      expect([...reached]).toContain(name);
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
    const at = await startFakeServer({ folder: FOLDER, schema: recipeJsonSchema(), isEmpty: true, isReadOnly: true });
    try {
      const opened = await open('#/runs', { at });
      await opened.getByText('tive demo').waitFor();
      expect(await findings(opened)).toEqual([]);
      await opened.goto(`${at.address}/#/runs/mix-at-work`);
      await opened.getByText('it was started read-only').waitFor();
      expect(await opened.getByRole('button', { name: 'Pause' }).isDisabled()).toBe(true);
    } finally {
      await page?.context().close();
      await at.close();
    }
  });
});
