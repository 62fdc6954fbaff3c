// Takes the pictures of docs/page.md anew: `npm run pictures -- RUNS LEFT RIGHT` serves a folder with two finished runs
// of the demo and looks at each view in Chromium. A folder behind them gets every view in both schemes, wide and narrow.
//
//   npm start && node setup/tive.mjs demo run.name=demo-half allocation.budget_fraction=0.075
//   npm run pictures -- runs demo demo-half
//
// `npm run pictures -- at-work` starts a run of the demo in a folder of its own, looks at it in its trainings and ends it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FOLDER = join(import.meta.dirname, '../docs/page');

/** Pictures for documents are twice as fine as the page is wide. */
const DOCUMENT = { width: 1200, height: 860, scheme: 'light', fineness: 2 };

const [runsFolder, left, right, lookFolder] = process.argv.slice(2);
const isAtWork = runsFolder === 'at-work' && left === undefined;
if (!isAtWork && right === undefined) {
  console.error('pictures: must be told RUNS LEFT RIGHT, a folder of runs and two finished ones in it, or at-work');
  process.exit(2);
}

/** Within this the demo is in its trainings, on a busy machine too. */
const AT_WORK_MS = 900_000;

/** Views: where, what is pressed there, what is to be seen then. */
const VIEWS = [
  { name: 'runs', hash: '#/runs', shown: `text=${left}` },
  { name: 'run', hash: `#/runs/${left}`, shown: '.log li' },
  {
    name: 'rows',
    hash: `#/runs/${left}/rows?show=gallery&state=selected&sort=value&order=down`,
    shown: '.row-card img',
  },
  {
    name: 'row',
    hash: `#/runs/${left}/rows?sort=value&order=down`,
    press: '.grid-line[aria-rowindex="3"] .cell-text',
    shown: 'text=Nearest by gradient',
  },
  {
    name: 'what-if',
    hash: `#/runs/${left}/what-if?lambda=30&filters=near_duplicates`,
    shown: 'text=The new selection',
  },
  { name: 'compare', hash: `#/compare?left=${left}&right=${right}`, shown: 'text=Selected rows of each task' },
  { name: 'start', hash: '#/start', shown: 'text=Memory where most is needed' },
];

/** Once the pictures of a dataset that are in the window are drawn; the others are not asked for. */
const SEEN_IMAGES = `Promise.all([...document.images]
  .filter((image) => image.getBoundingClientRect().top < innerHeight)
  .map((image) => image.decode().catch(() => undefined)))`;

const looks = (widths) =>
  widths.flatMap((width) =>
    ['light', 'dark'].map((scheme) => ({ width, height: width < 500 ? 844 : 900, scheme, fineness: 1 })),
  );

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
try {
  if (isAtWork) await takeAtWork();
  else await withPage(resolve(runsFolder), takeViews);
} finally {
  await browser.close();
}

async function takeViews(link) {
  if (lookFolder === undefined) await takeAll(link, DOCUMENT, (name) => join(FOLDER, `${name}.png`));
  else
    for (const look of looks([1920, 1440, 768, 390]))
      await takeAll(link, look, (name) => join(lookFolder, `${name}-${look.width}-${look.scheme}.png`));
}

function tive(...words) {
  return spawn(process.execPath, [join(import.meta.dirname, 'tive.mjs'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Serves a page over a folder of runs while the work is done with its link. */
async function withPage(folder, work) {
  const command = tive('ui', '--runs', folder);
  try {
    const [line] = await once(createInterface({ input: command.stdout }), 'line');
    await work(line.replace(/^page: /, ''));
  } finally {
    command.kill('SIGINT');
  }
}

/** The run in its trainings, once their pace and their curves are there. */
async function takeAtWork() {
  const folder = mkdtempSync(join(tmpdir(), 'tive-pictures-'));
  const places = [`run.output_dir=${join(folder, 'runs')}`, `store.uri=${join(folder, 'store')}`];
  const run = tive('demo', 'run.name=demo', ...places);
  const ended = once(run, 'exit');
  try {
    await withPage(join(folder, 'runs'), async (link) => {
      const { page } = await openPage(link, DOCUMENT);
      // Its folder is there a moment after it was started.
      await page.getByRole('link', { name: 'demo', exact: true }).click({ timeout: AT_WORK_MS });
      const training = page.locator('.stage-running', { hasText: 'finetune' });
      await training.locator('.stage-pace', { hasText: 'left' }).waitFor({ timeout: AT_WORK_MS });
      const curves = page.locator('section[aria-labelledby=curves]');
      await curves.getByText('tive', { exact: true }).first().waitFor({ timeout: AT_WORK_MS });
      await page.setViewportSize({ width: DOCUMENT.width, height: 2000 });
      await page.evaluate('scrollTo(0, 0)');
      const { y, height } = await curves.boundingBox();
      const clip = { x: 0, y: 0, width: DOCUMENT.width, height: Math.ceil(y + height) + 8 };
      await save(await page.screenshot({ animations: 'disabled', clip }), join(FOLDER, 'at-work.png'));
    });
  } finally {
    run.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openPage(link, { width, height, scheme, fineness }) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    deviceScaleFactor: fineness,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(link);
  const { origin } = new URL(link);
  await page.waitForURL(`${origin}/`);
  return { page, origin };
}

async function takeAll(link, look, pathOf) {
  const { width, height } = look;
  const { page, origin } = await openPage(link, look);
  for (const { name, hash, press, shown } of VIEWS) {
    await page.goto(`${origin}/${hash}`);
    if (press !== undefined) await page.locator(press).click();
    await page.locator(shown).first().waitFor({ timeout: 60_000 });
    await page.evaluate('scrollTo(0, 0)');
    await page.evaluate(SEEN_IMAGES);
    // The footer names a folder of the machine.
    const main = await page.locator('main').boundingBox();
    const clip = { x: 0, y: 0, width, height: Math.min(height, Math.floor(main.y + main.height)) };
    await save(await page.screenshot({ animations: 'disabled', clip }), pathOf(name));
  }
  await page.context().close();
}

async function save(picture, path) {
  mkdirSync(join(path, '..'), { recursive: true });
  const bytes = await sharp(picture).png({ palette: true, colours: 128, dither: 0, effort: 10 }).toBuffer();
  writeFileSync(path, bytes);
  console.log(`${path}  ${Math.round(bytes.length / 1000)} kB`);
}
