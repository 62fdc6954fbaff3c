import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';

const PROGRAM = '/usr/bin/chromium';

/** Whether there is a browser to test in. */
export const HAS_CHROMIUM = existsSync(PROGRAM);

/** The built page. */
export const PAGE_FOLDER = fileURLToPath(new URL('../../../dist/page-app', import.meta.url));

/** How a page is looked at. */
export interface Look {
  width?: number;
  scheme?: 'light' | 'dark';
}

/** Pages of one browser. */
export interface TestBrowser {
  /** A page of its own at an address, once its document is there; the one before it is closed. */
  open(address: string, look?: Look): Promise<Page>;
  /** What was wrong in the page that was opened last: errors, refusals of the policy, strangers that were asked. */
  readonly complaints: readonly string[];
}

/** One browser for the tests of a block. */
export function useChromium(): TestBrowser {
  let browser: Browser | null = null;
  let page: Page | null = null;
  const complaints: string[] = [];
  beforeAll(async () => {
    const args = ['--headless', '--no-sandbox', '--disable-gpu'];
    browser = await chromium.launch({ executablePath: PROGRAM, args });
  });
  afterAll(() => browser?.close());
  return {
    complaints,
    async open(address, { width = 1440, scheme = 'light' } = {}) {
      await page?.context().close();
      const size = { width, height: heightOf(width) };
      const context = await browser!.newContext({ viewport: size, colorScheme: scheme, reducedMotion: 'reduce' });
      const opened = (page = await context.newPage());
      complaints.length = 0;
      opened.on('pageerror', (error) => complaints.push(error.message));
      // A file that leads to the page is none of it.
      let { origin } = new URL(address);
      opened.on('request', (request) => {
        const asked = new URL(request.url());
        if (asked.protocol === 'file:') return;
        if (origin === 'null') origin = asked.origin;
        if (asked.origin !== origin) complaints.push(`asked for ${asked.href}`);
      });
      opened.on('console', (message) => {
        // A refusal is shown by the page; the browser notes it too.
        if (message.type() === 'error' && !/status of 40\d/.test(message.text())) complaints.push(message.text());
      });
      await opened.addInitScript(
        `addEventListener('securitypolicyviolation', (event) => console.error('policy ' + event.violatedDirective))`,
      );
      await opened.goto(address);
      return opened;
    },
  };
}

/** Height of a window of a width, in CSS pixels. */
export function heightOf(width: number): number {
  return width < 500 ? 844 : 900;
}

/** Rules whose findings change with the colours alone. */
const OF_COLORS = ['color-contrast', 'link-in-text-block'];

/** What axe finds that is serious or critical, as `rule: element`; of all its rules, or of those about colours. */
export async function findings(page: Page, rules: 'all' | 'colors' = 'all'): Promise<string[]> {
  if (!(await page.evaluate('Boolean(globalThis.axe)'))) await page.evaluate(axe.source);
  const options = { resultTypes: ['violations'], ...(rules === 'all' ? {} : { runOnly: OF_COLORS }) };
  const violations = (await page.evaluate(
    `axe.run(${JSON.stringify(options)}).then((found) => found.violations)`,
  )) as axe.Result[];
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ''}`));
}

/** Pixels by which the page is wider than its window. */
export async function excessWidth(page: Page): Promise<number> {
  return Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'));
}

/** Until what a new size or other colours change is drawn. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate('new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(tell)))');
}
