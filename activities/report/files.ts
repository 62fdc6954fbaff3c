// Files beside the report: the task table, the manifest, versions.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Config } from '../../contracts/config.ts';
import type { RunSummary } from '../../contracts/summary.ts';
import { STAGE_VERSIONS } from '../../contracts/stages.ts';
import { SCHEMA_VERSION } from '../../contracts/references.ts';
import { DEPARTURES } from '../../report/departures.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import { canonicalJson, sha256 } from '../../store/addresses.ts';

/** Packages whose version can change a number or a picture. */
const PACKAGES = ['@tensorflow/tfjs', '@temporalio/worker', 'apache-arrow', 'sharp', '@huggingface/tokenizers'];

/** Versions of this package, of Node and of the packages that matter, as installed where this process runs. */
export function installedVersions(): { name: string; version: string }[] {
  const packages = PACKAGES.flatMap((name) => {
    const version = packageVersion(name);
    return version === null ? [] : [{ name, version }];
  });
  return [{ name: 'tive', version: ownVersion() }, { name: 'node', version: process.version }, ...packages];
}

/** From the installed package's own file: a package may forbid to import it. */
function packageVersion(name: string): string | null {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const path = folders.map((folder) => join(folder, name, 'package.json')).find((candidate) => existsSync(candidate));
  return path === undefined ? null : (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

function ownVersion(): string {
  // One folder up from the sources, two from the build.
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
  }
  return 'unknown';
}

/** The tasks as CSV: one line each, numbers in full, an empty cell for what a task does not have. */
export function tasksCsv({ tasks }: RunSummary): string {
  const columns = [
    'task',
    'rows',
    'usable',
    'value',
    'value_low',
    'value_high',
    'share',
    'ideal',
    'quota',
    'selected',
    'copies',
    'effective_share',
  ];
  const lines = tasks.map((task) => [
    csvText(task.task),
    task.rowCount,
    task.usableCount,
    task.value,
    task.interval?.[0] ?? null,
    task.interval?.[1] ?? null,
    task.share,
    task.ideal,
    task.quota,
    task.selectedCount,
    task.copyCount,
    task.effectiveShare,
  ]);
  return [columns, ...lines].map((cells) => `${cells.map((cell) => cell ?? '').join(',')}\r\n`).join('');
}

/**
 * A text as one cell: quoted where it must be, and with an apostrophe before what a spreadsheet would run as a formula
 * (`=`, `+`, `-`, `@`, tab, carriage return at the start).
 */
export function csvText(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** What `manifest.json` says of the inputs of one artifact: whatever its address is the hash of. */
export type ArtifactInputs = ReadonlyMap<string, object>;

/** Everything that it takes to repeat the run, as JSON with names as on disk. */
export function runManifest(summary: RunSummary, inputs: ArtifactInputs): string {
  const { config, facts, quarantine, warnings, runName } = summary;
  const recipe = withDiskNames(config);
  const manifest = {
    schema_version: SCHEMA_VERSION,
    run: runName,
    status: 'done',
    recipe,
    recipe_sha256: sha256(canonicalJson(recipe)),
    seeds: seedsOf(config),
    stages: facts.stages.map(({ stage, state, detail, durationMs, artifacts }) => ({
      stage,
      version: STAGE_VERSIONS[stage],
      state,
      detail,
      duration_ms: durationMs,
      artifacts: artifacts.map(({ name, reference, cached }) => ({
        name,
        ...(withDiskNames(reference) as object),
        cached,
        inputs: inputs.get(reference.uri) ?? null,
      })),
    })),
    engine: withDiskNames(facts.engine),
    versions: Object.fromEntries(facts.versions.map(({ name, version }) => [name, version])),
    quarantine: Object.fromEntries(quarantine.map(({ reason, count }) => [reason, count])),
    warnings,
    departures: DEPARTURES,
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function seedsOf({ run, gradients }: Config): Record<string, number> {
  return { run: run.seed, projection: gradients.projectionSeed };
}
