// The page by keys alone, over made-up runs: what is reached, in which order, what is seen of it, where focus goes.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recipeJsonSchema } from '../../../client/recipe/json-schema.ts';
import { startFakeServer } from '../../../page/app/fake/fake-server.ts';
import type { FakeServer } from '../../../page/app/fake/fake-server.ts';
import { HAS_CHROMIUM, PAGE_FOLDER, findings, useChromium } from './chromium.ts';

const VIEWS: [name: string, hash: string, shown: string][] = [
  ['runs', '#/runs', 'mix-at-work'],
  ['a run at work', '#/runs/mix-at-work', 'shard 0 of 64 is done'],
  ['a run that waits', '#/runs/mix-held', 'Approve the quotas'],
  ['a run that is done', '#/runs/mix-15-percent', 'shard 0 of 64 is done'],
  ['a row', '#/runs/mix-15-percent/rows?row=1', 'Nearest by gradient'],
  ['rows as pictures', '#/runs/mix-15-percent/rows?show=gallery', 'row 5'],
  ['what if', '#/runs/mix-15-percent/what-if', 'Further settings'],
  ['compare', '#/compare?left=mix-15-percent&right=half-way', 'Selected rows of each task'],
  ['start', '#/start', 'Memory where most is needed'],
];

/** Controls that a person can use now, in the order of the document. */
const CONTROLS = `[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
  .filter((each) => each.tabIndex >= 0 && !each.disabled && each.checkVisibility({ visibilityProperty: true }))`;

/** More than any view has controls. */
const MOST_STEPS = 400;

/** What is focused: its place among the controls, how it is outlined, whether it is within the window. */
interface Focused {
  place: number;
  words: string;
  outlinePixels: number;
  isSeen: boolean;
}

async function focused(page: Page): Promise<Focused> {
  return (await page.evaluate(`(() => {
    const one = document.activeElement;
    const style = getComputedStyle(one);
    const { top, bottom, left, right } = one.getBoundingClientRect();
    return {
      place: ${CONTROLS}.indexOf(one),
      words: (one.getAttribute('aria-label') || one.textContent || one.id).trim().slice(0, 40),
      outlinePixels: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
      isSeen: bottom > 0 && top < innerHeight && right > 0 && left < innerWidth,
    };
  })()`)) as Focused;
}

/** Presses Tab from the first control until the way through the page is over. */
async function walk(page: Page): Promise<Focused[]> {
  await page.locator('.skip').focus();
  const steps = [await focused(page)];
  while (steps.length < MOST_STEPS) {
    await page.keyboard.press('Tab');
    if (await page.evaluate('document.activeElement === document.body')) break;
    steps.push(await focused(page));
  }
  return steps;
}

describe.skipIf(!HAS_CHROMIUM)('the page by keys in chromium', () => {
  const browser = useChromium();
  let server: FakeServer | null = null;
  beforeAll(async () => {
    server = await startFakeServer({ folder: PAGE_FOLDER, schema: recipeJsonSchema() });
  });
  afterAll(() => server?.close());

  const open = (hash: string, width = 1440): Promise<Page> => browser.open(`${server!.address}/${hash}`, { width });
  const activeWords = (page: Page): Promise<unknown> => page.evaluate('document.activeElement.textContent');

  describe.each([1440, 390])('at %i pixels', (width) => {
    test.each(VIEWS)('%s: Tab reaches every control in reading order, each outlined', async (_, hash, shown) => {
      const page = await open(hash, width);
      await page.getByText(shown).first().waitFor();
      const steps = await walk(page);
      // What comes last, nearest rows for instance, may have come meanwhile.
      const count = Number(await page.evaluate(`${CONTROLS}.length`));
      const places = steps.map(({ place }) => place).filter((place) => place !== -1);
      expect(places).toEqual(Array.from({ length: count }, (__, place) => place));
      expect(steps.filter(({ outlinePixels, isSeen }) => outlinePixels < 2 || !isSeen)).toEqual([]);
    });
  });

  test('the open row and the list come by keys in the order in which they stand, also when the window changes', async () => {
    const page = await open('#/runs/mix-15-percent/rows?row=1', 1440);
    for (const width of [1440, 1000, 390, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      await page.getByText('Nearest by gradient').waitFor();
      const isAbove = width <= 1100;
      await page.locator(`.rows-area.with-detail > aside:${isAbove ? 'first' : 'last'}-child`).waitFor();
      const [list, row] = [await page.locator('.grid-box').boundingBox(), await page.locator('aside').boundingBox()];
      expect(isAbove ? row!.y + row!.height <= list!.y : list!.x + list!.width <= row!.x, `${width} pixels`).toBe(true);
      const steps = await walk(page);
      const placeOf = (words: string): number => steps.findIndex((step) => step.words.startsWith(words));
      const [atRow, atList] = [placeOf('Close'), placeOf('rows; arrows move')];
      expect(Math.min(atRow, atList)).toBeGreaterThan(0);
      expect(atRow < atList, `${width} pixels`).toBe(isAbove);
    }
  });

  test('a question keeps the keys to itself, Escape leaves it, and focus is back where it was asked', async () => {
    const page = await open('#/runs/mix-at-work');
    const before = server!.posts.length;
    await page.getByRole('button', { name: 'Cancel the run …' }).press('Enter');
    await page.getByRole('dialog', { name: 'Cancel mix-at-work?' }).waitFor();
    expect(await findings(page)).toEqual([]);
    const reached = new Set<unknown>();
    for (let step = 0; step < 8; step += 1) {
      reached.add(await activeWords(page));
      await page.keyboard.press('Tab');
      const isInside = `document.activeElement === document.body || document.activeElement.closest('dialog') !== null`;
      expect(await page.evaluate(isInside)).toBe(true);
    }
    for (const name of ['Let it go on', 'Cancel the run']) expect([...reached]).toContain(name);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await activeWords(page)).toBe('Cancel the run …');
    expect(server!.posts.slice(before)).toEqual([]);
  });

  test('who pauses and starts by keys is not sent back to the top', async () => {
    const page = await open('#/runs/mix-at-work');
    const before = server!.posts.length;
    await page.getByRole('button', { name: 'Pause' }).press('Enter');
    await page.getByText('tive pause mix-at-work').waitFor();
    expect(await activeWords(page)).toBe('Pause');
    await page.goto(`${server!.address}/#/start`);
    await page.getByText('Memory where most is needed').first().waitFor();
    await page.getByRole('button', { name: 'Save and run' }).press('Enter');
    await page.getByText('the run has begun').waitFor();
    expect(await activeWords(page)).toBe('Save and run');
    const asked = server!.posts.slice(before).map(({ path }) => path);
    expect(asked.filter((path) => !/recipe\/(check|plan)/.test(path))).toEqual([
      '/api/runs/mix-at-work/pause',
      '/api/recipe/run',
    ]);
  });

  test('cards are walked, opened, chosen and left by keys, to the last of 665,298', async () => {
    const page = await open('#/runs/mix-15-percent/rows?show=gallery', 1440);
    const box = page.getByRole('grid', { name: 'rows as pictures' });
    await page.getByText('row 5', { exact: true }).waitFor();
    await box.focus();
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft', 'Space']) await page.keyboard.press(key);
    expect(await page.getByLabel('choose row 2', { exact: true }).isChecked()).toBe(true);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Row 2' }).waitFor();
    await page.getByText('Nearest by gradient').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'Row 2' }).waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.className')).toBe('grid-box');
    await page.keyboard.press('End');
    await page.getByText('row 665,297').waitFor();
    const [card, frame] = [await page.locator('.row-card.active').boundingBox(), await box.boundingBox()];
    expect(card!.y + card!.height).toBeLessThanOrEqual(frame!.y + frame!.height + 1);
    expect(browser.complaints).toEqual([]);
  });
});
