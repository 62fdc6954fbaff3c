// The page as a person has it: the command serves it, a browser opens it, and a whole run is done in it.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { HAS_CHROMIUM, findings, useChromium } from '../../page/app/chromium.ts';
import { USABLE_ROWS, writeSmallDataset } from '../small-dataset.ts';
import { processesWith, startTive } from '../tive-process.ts';
import type { TiveProcess } from '../tive-process.ts';

/** Many times what a step takes on a quiet machine. */
const STEP_MS = 60_000;
const RUN_MS = 240_000;

const RECIPE = `extends: ./recipe.yaml
run: { name: mine }
allocation: { approval: required, budget_fraction: 0.25 }
warmup: { epochs: 2 }
finetune: { epochs: 1 }
`;

describe.skipIf(!HAS_CHROMIUM)('tive ui in chromium', () => {
  const root = mkdtempSync(join(tmpdir(), 'tive-page-in-browser-'));
  const browser = useChromium();
  let command: TiveProcess;
  let page: Page;

  beforeAll(async () => {
    writeSmallDataset(root);
    const opened = replaceBrowser(join(root, 'bin'));
    command = startTive(root, 'ui', '--open');
    const path = await vi.waitUntil(opened, { timeout: STEP_MS, interval: 100 });
    page = await browser.open(`file://${path}`);
    page.setDefaultTimeout(STEP_MS);
    await page.waitForURL(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  }, 2 * STEP_MS);
  afterAll(async () => {
    vi.unstubAllEnvs();
    command.child.kill('SIGINT');
    await command.finished;
    // The run that the page has begun ends by itself, but where a test has failed before.
    for (const pid of processesWith(root)) process.kill(pid, 'SIGINT');
    await vi.waitUntil(() => processesWith(root).length === 0, { timeout: STEP_MS, interval: 200 });
    rmSync(root, { recursive: true, force: true });
  }, 2 * STEP_MS);

  test('opens by the command’s link, and says how a first run is started', async () => {
    await page.getByText('tive demo').waitFor();
    const painted = await page.evaluate(`performance.getEntriesByName('first-contentful-paint')[0].startTime`);
    console.log(`first paint after ${Math.round(Number(painted))} ms`);
    await page.evaluate('globalThis.isSameDocument = true');
  });

  test(
    'a run is started from the form',
    async () => {
      await page.getByRole('link', { name: 'Start' }).click();
      await page.getByLabel('YAML').fill(RECIPE);
      await page.getByText('gradients', { exact: true }).first().click();
      await page.getByLabel('sketch', { exact: true }).fill('32');
      await page.getByLabel('Saved as').fill('mine.yaml');
      await page
        .getByText(`${USABLE_ROWS + 3} rows`)
        .first()
        .waitFor();
      await page.getByRole('button', { name: 'Save and run' }).click();
      await page.getByText('mine has begun').waitFor();
      expect(readFileSync(join(root, 'mine.yaml'), 'utf8')).toBe(`${RECIPE}gradients:\n  sketch: 32\n`);
      await page.getByRole('link', { name: 'mine', exact: true }).click();
    },
    2 * STEP_MS,
  );

  test(
    'it is seen at work, held for its quotas, approved, and seen to its end',
    async () => {
      await page.locator('.stage-running').first().waitFor();
      await page.getByRole('button', { name: 'Approve the quotas' }).click({ timeout: RUN_MS });
      await page.getByRole('link', { name: 'Report' }).waitFor({ timeout: RUN_MS });
      await page.locator('.tag.state-done').waitFor();
      expect(await page.locator('.stages .stage-done, .stages .stage-cached').count()).toBe(9);
      await page.getByText(`14 of ${USABLE_ROWS + 3}`).waitFor();
    },
    2 * RUN_MS,
  );

  test(
    'its report opens in a page of its own',
    async () => {
      const [report] = await Promise.all([
        page.waitForEvent('popup'),
        page.getByRole('link', { name: 'Report' }).click(),
      ]);
      await report.getByRole('heading', { level: 1 }).waitFor();
      for (const colorScheme of ['light', 'dark'] as const) {
        await report.emulateMedia({ colorScheme });
        expect(await findings(report)).toEqual([]);
      }
      await report.close();
    },
    STEP_MS,
  );

  test(
    'a row is found by its text and shown with its picture',
    async () => {
      await page.getByRole('link', { name: 'Rows', exact: true }).click();
      await page.getByLabel('Text').fill('comes as number 3');
      await page.getByText(/^[1-9] of 59 rows$/).waitFor();
      await page.getByRole('gridcell', { name: 'tell' }).first().click();
      await page.getByText('Nearest by gradient').waitFor();
      await page.getByLabel('dialogue').getByText('comes as number 3').waitFor();
      const picture = page.getByRole('img', { name: /^picture of row/ });
      await picture.evaluate('(image) => image.decode()');
    },
    2 * STEP_MS,
  );

  test(
    'another lambda gives another selection, which stands beside the first',
    async () => {
      await page.getByRole('link', { name: 'What if' }).click();
      await page.getByLabel('Lambda').fill('50');
      await page.getByLabel('Further settings').fill('allocation.approval=none');
      await page.getByRole('heading', { name: 'The new selection' }).waitFor();
      await page.getByRole('button', { name: 'Keep it as a run' }).click();
      await page.getByText('Kept as run').waitFor();
      const [name] = readdirSync(join(root, 'runs')).filter((each) => each.startsWith('mine-tive-'));
      expect(Number(await page.locator('.row-links .quiet').first().textContent())).toBeGreaterThan(0);
      await page.getByRole('link', { name: 'Compare' }).first().click();
      await page.getByLabel('Left').selectOption('mine');
      await page.getByLabel('Right').selectOption(name!);
      await page.getByText('Selected rows of each task in both runs').waitFor();
      await page.getByText('It has no scores').waitFor();
    },
    2 * STEP_MS,
  );

  test(
    'who has the store alone sees the run, its rows and their pictures',
    async () => {
      const { child, finished } = startTive(root, 'ui', '--runs', 'none', '--store', 'tive-store');
      let printed = '';
      child.stdout!.on('data', (chunk: string) => (printed += chunk));
      const link = await vi.waitUntil(() => /^page: (http:\S+)$/m.exec(printed)?.[1], { timeout: STEP_MS });
      const other = await page.context().newPage();
      try {
        await other.goto(link);
        await other.getByText('in the store').first().waitFor();
        await other.getByRole('link', { name: 'mine', exact: true }).click();
        await other.getByRole('link', { name: 'Report' }).waitFor();
        await other.getByRole('link', { name: 'Rows', exact: true }).click();
        await other.getByLabel('Text').fill('comes as number 3');
        await other.getByRole('gridcell', { name: 'tell' }).first().click();
        await other.getByRole('img', { name: /^picture of row/ }).evaluate('(image) => image.decode()');
        expect(await findings(other)).toEqual([]);
        expect(existsSync(join(root, 'none'))).toBe(false);
      } finally {
        await other.close();
        child.kill('SIGINT');
        await finished;
      }
    },
    2 * STEP_MS,
  );

  test('it was one document from the first run’s start to the end, and the browser had nothing to say', async () => {
    expect(await page.evaluate('globalThis.isSameDocument')).toBe(true);
    expect(browser.complaints).toEqual([]);
  });
});

/** Puts a program before the desktop's own that opens nothing: gives the file that it was to open, once it was. */
function replaceBrowser(folder: string): () => string | null {
  mkdirSync(folder);
  const told = join(folder, 'opened');
  writeFileSync(join(folder, 'xdg-open'), `#!/bin/sh\nprintf %s "$1" > ${told}.part && mv ${told}.part ${told}\n`);
  chmodSync(join(folder, 'xdg-open'), 0o755);
  vi.stubEnv('PATH', `${folder}:${process.env['PATH'] ?? ''}`);
  return () => (existsSync(told) ? readFileSync(told, 'utf8') : null);
}
