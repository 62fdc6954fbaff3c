// Takes the pictures of docs/page.md anew: `npm run pictures -- RUNS LEFT RIGHT` serves a folder with two finished runs
// of the demo and looks at each view in Chromium. A folder behind them gets every view in both schemes, wide and narrow.
//
//   npm start && node setup/tive.mjs demo run.name=demo-half allocation.budget_fraction=0.075
//   npm run pictures -- runs demo demo-half
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FOLDER = join(import.meta.dirname, '../docs/page');

/** Pictures for documents are twice as fine as the page is wide. */
const DOCUMENT = { width: 1200, height: 860, scheme: 'light', fineness: 2 };

const [runsFolder, left, right, lookFolder] = process.argv.slice(2);
if (right === undefined) {
  console.error('pictures: must be told RUNS LEFT RIGHT, a folder of runs and two finished ones in it');
  process.exit(2);
}

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

const command = spawn(process.execPath, [join(import.meta.dirname, 'tive.mjs'), 'ui', '--runs', resolve(runsFolder)], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const [line] = await once(createInterface({ input: command.stdout }), 'line');
  const link = line.replace(/^page: /, '');
  if (lookFolder === undefined) await takeAll(link, DOCUMENT, (name) => join(FOLDER, `${name}.png`));
  else
    for (const look of looks([1920, 1440, 768, 390]))
      await takeAll(link, look, (name) => join(lookFolder, `${name}-${look.width}-${look.scheme}.png`));
} finally {
  await browser.close();
  command.kill('SIGINT');
}

async function takeAll(link, { width, height, scheme, fineness }, pathOf) {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    deviceScaleFactor: fineness,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  await page.goto(link);
  await page.waitForURL(`${new URL(link).origin}/`);
  for (const { name, hash, press, shown } of VIEWS) {
    await page.goto(`${new URL(link).origin}/${hash}`);
    if (press !== undefined) await page.locator(press).click();
    await page.locator(shown).first().waitFor({ timeout: 60_000 });
    await page.evaluate('scrollTo(0, 0)');
    await page.evaluate(SEEN_IMAGES);
    // The footer names a folder of the machine.
    const main = await page.locator('main').boundingBox();
    const clip = { x: 0, y: 0, width, height: Math.min(height, Math.floor(main.y + main.height)) };
    await save(await page.screenshot({ animations: 'disabled', clip }), pathOf(name));
  }
  await context.close();
}

async function save(picture, path) {
  mkdirSync(join(path, '..'), { recursive: true });
  const bytes = await sharp(picture).png({ palette: true, colours: 128, dither: 0, effort: 10 }).toBuffer();
  writeFileSync(path, bytes);
  console.log(`${path}  ${Math.round(bytes.length / 1000)} kB`);
}
