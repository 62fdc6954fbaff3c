// The benches' command: runs those that are named, or all but the large.
import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';

/** The benches in the order in which they run. */
const BENCHES: Readonly<Record<string, () => Promise<{ bench: Bench }>>> = {
  matmul: () => import('./matmul.ts'),
  gradients: () => import('./gradients.ts'),
  memory: () => import('./memory.ts'),
  dataset: () => import('./dataset.ts'),
  inspect: () => import('./inspect.ts'),
  images: () => import('./images.ts'),
  report: () => import('./report.ts'),
  page: () => import('./page.ts'),
  orchestration: () => import('./orchestration.ts'),
  recovery: () => import('./recovery.ts'),
  start: () => import('./start.ts'),
  'torch-demo': () => import('./torch-demo.ts'),
  'tower-peak': () => import('./tower-peak.ts'),
  select: () => import('./select.ts'),
  values: () => import('./values.ts'),
  rows: () => import('./rows.ts'),
  'large-model': () => import('./large-model.ts'),
};

/**
 * Need some 2, 25, 5 and 2 GB on the disk of temporary files and many minutes, so they run only when they are named.
 */
const LARGE = ['select', 'values', 'rows', 'large-model'];

const { values, positionals } = parseArgs({
  options: { bytes: { type: 'string', default: '1e9' }, rows: { type: 'string' } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES).filter((name) => !LARGE.includes(name));
const unknown = names.find((name) => !Object.hasOwn(BENCHES, name));
const datasetBytes = Number(values.bytes);
const rowCount = values.rows === undefined ? undefined : Number(values.rows);
if (unknown !== undefined || !(datasetBytes > 0) || (rowCount !== undefined && !(rowCount > 0))) {
  const got = unknown === undefined ? `--bytes ${values.bytes} --rows ${values.rows ?? ''}` : `"${unknown}"`;
  console.error(
    `bench: names must be among ${Object.keys(BENCHES).join(', ')}, --bytes and --rows above 0, got ${got}`,
  );
  process.exit(2);
}

for (const name of names) {
  try {
    const { bench } = await BENCHES[name]!();
    for await (const line of bench({ datasetBytes, rowCount }))
      console.log([line.name.padEnd(18), ...line.facts].join('   '));
  } catch (error) {
    console.log(`${name.padEnd(18)}   crashed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
