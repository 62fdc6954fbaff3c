// `npm run results`: measures every method in every setting that is not measured yet, and writes the document of all.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { METHOD_NAMES } from '../../contracts/methods.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import { packageFolder } from '../package-folder.ts';
import { measure, measurementText } from './measure.ts';
import { resultsPage } from './results-page.ts';
import { missingBatches, readScores, scoresOf, writeScores } from './scores.ts';
import { COMPARED, SETTINGS, settingName } from './settings.ts';

const { values } = parseArgs({
  options: {
    work: { type: 'string' },
    out: { type: 'string', default: join(packageFolder(), 'docs/results') },
    seeds: { type: 'string', default: '10' },
    methods: { type: 'string', default: COMPARED.join(',') },
    only: { type: 'string', default: '' },
    processes: { type: 'string' },
  },
});
const seedCount = Number(values.seeds);
const methods = values.methods.split(',').flatMap((name) => METHOD_NAMES.filter((one) => one === name));
const settings = SETTINGS.filter((setting) => settingName(setting).startsWith(values.only));
if (!(seedCount >= 0) || methods.length !== values.methods.split(',').length || settings.length === 0) {
  console.error(
    `results: --seeds must be a number, --methods names with commas between them, --only the beginning of a setting such as ${settingName(SETTINGS[0]!)}; got ${JSON.stringify(values)}`,
  );
  process.exit(2);
}

const out = resolve(values.out);
const file = join(out, 'scores.csv');
mkdirSync(out, { recursive: true });
const processCount = values.processes === undefined ? null : Number(values.processes);
const startedAt = performance.now();
if (values.work !== undefined) measureMissing(resolve(values.work), methods);
writePage();
console.log(`results: ${join(out, 'README.md')}, ${Math.round((performance.now() - startedAt) / 60_000)} min`);

function measureMissing(work: string, wanted: readonly SelectionMethod[]): void {
  for (const setting of settings)
    for (const batch of missingBatches(scoresOf(readScores(file), setting), seedCount, wanted)) {
      console.log(measurementText(setting, batch));
      const measured = measure(setting, batch, { work, processCount });
      writeScores(file, [...readScores(file), ...measured]);
      writePage();
    }
}

function writePage(): void {
  writeFileSync(join(out, 'README.md'), resultsPage(readScores(file), COMPARED));
}
