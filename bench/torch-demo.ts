// Bench of the demo's gradients, pictures included: a torch script, the torch engine and the TensorFlow engine.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gradientRows } from '../activities/gradients/gradient-rows.ts';
import { encoderOf, examplesOf } from '../activities/shared/compute-context.ts';
import { ModelHost } from '../activities/shared/model-host.ts';
import { workAhead } from '../activities/shared/work-ahead.ts';
import { loadPreset } from '../client/recipe/recipe.ts';
import type { Config } from '../contracts/config.ts';
import { asSource } from '../dataset/rows/row-source.ts';
import type { LocalDataset } from '../dataset/rows/row-source.ts';
import { scanDataset } from '../dataset/rows/scan-dataset.ts';
import { initialAdapter } from '../model/adapter.ts';
import type { AdapterValues } from '../model/adapter.ts';
import type { DecoderLayers } from '../model/engine.ts';
import { requireTorchPython, torchPython } from '../model/torch/python.ts';
import type { UsableRow } from '../tables/rows.ts';
import { short } from './bench.ts';
import type { BenchLine, BenchOptions } from './bench.ts';
import { startChild } from './child.ts';
import type { BenchChild } from './child.ts';
import { packageFolder } from './package-folder.ts';
import { processorSeconds } from './processes.ts';

const ROWS = 1000;
const BATCH_ROWS = 64;
const REPEATS = 3;

/** Processes of an engine, and threads of the script, on two cores. */
const CORES = 2;
/** Goals on two cores, as multiples of the script's wall time. */
const GOALS = { torch: 1, tensorflow: 1.5 } as const;

type EngineUnderTest = keyof typeof GOALS;

/** Seconds of one pass over the rows. */
interface Seconds {
  wall: number;
  processor: number;
}

/**
 * The script beside the engines, one after the other, the least of the repeats; starting and loading do not count. Once
 * with one thread each, once on two cores: the script with two threads, an engine with two processes of one thread.
 */
export async function* bench({ rowCount = ROWS }: BenchOptions): AsyncGenerator<BenchLine> {
  if (torchPython() === null) {
    yield { name: 'torch-demo', facts: ['skipped: needs a Python with torch; run `tive setup torch`'] };
    return;
  }
  for (const cores of [1, CORES]) yield* compare(rowCount, cores);
}

async function* compare(rowCount: number, cores: number): AsyncGenerator<BenchLine> {
  const names = Object.keys(GOALS) as EngineUnderTest[];
  const engines = await Promise.all(names.map((engine) => withParts(engine, rowCount, cores)));
  try {
    // The first pass fills caches of code.
    for (const parts of engines) await pass(parts);
    const script: Seconds[] = [];
    const passes = names.map((): Seconds[] => []);
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      script.push(await runScript(rowCount, cores));
      for (const [index, parts] of engines.entries()) passes[index]!.push(await pass(parts));
    }
    const best = least(script);
    const words = cores === 1 ? 'one thread' : `${cores} cores`;
    yield {
      name: `demo script, ${words}`,
      facts: [facts(best, rowCount), `${rowCount} rows, batches of ${BATCH_ROWS}`],
    };
    for (const [index, engine] of names.entries())
      yield {
        name: `demo ${engine}, ${words}`,
        facts: [
          ...ratios(least(passes[index]!), best, rowCount),
          ...(cores === 1 ? [] : [`goal ≤ ${GOALS[engine]} by wall time`]),
        ],
      };
  } finally {
    for (const child of engines.flat()) await child.stop();
  }
}

/** As many processes as cores, each with its share of the batches. */
function withParts(engine: EngineUnderTest, rowCount: number, parts: number): Promise<BenchChild[]> {
  return Promise.all(
    Array.from({ length: parts }, (_, part) => startChild('torch-demo', { engine, rowCount, part, parts })),
  );
}

/** All parts at the same time. */
async function pass(parts: readonly BenchChild[]): Promise<Seconds> {
  const seconds = await Promise.all(parts.map((child) => child.run<Seconds>('gradients')));
  return {
    wall: Math.max(...seconds.map(({ wall }) => wall)),
    processor: seconds.reduce((sum, { processor }) => sum + processor, 0),
  };
}

function least(passes: readonly Seconds[]): Seconds {
  const smallest = (key: keyof Seconds): number => Math.min(...passes.map((pass) => pass[key]));
  return { wall: smallest('wall'), processor: smallest('processor') };
}

function facts({ wall, processor }: Seconds, rowCount: number): string {
  return `${short(processor)} s of processor time, ${short((1000 * processor) / rowCount)} ms a row; ${short(wall)} s of wall time`;
}

function ratios(seconds: Seconds, script: Seconds, rowCount: number): string[] {
  const [processor, wall] = (['processor', 'wall'] as const).map((key) => (seconds[key] / script[key]).toFixed(2));
  return [facts(seconds, rowCount), `${processor} and ${wall} of the script's`];
}

async function runScript(rowCount: number, threads: number): Promise<Seconds> {
  const script = join(packageFolder(), 'bench/torch-peer/demo_gradients.py');
  const demo = join(packageFolder(), 'examples/demo');
  const options = ['--rows', String(rowCount), '--threads', String(threads), '--batch', String(BATCH_ROWS)];
  const { stdout } = await promisify(execFile)(requireTorchPython(), [script, demo, ...options], {
    env: { ...process.env, OMP_NUM_THREADS: String(threads) },
  });
  const stages = JSON.parse(stdout) as Record<'reading' | 'pictures' | 'gradients', Seconds>;
  const sum = (key: keyof Seconds): number => stages.reading[key] + stages.pictures[key] + stages.gradients[key];
  return { wall: sum('wall'), processor: sum('processor') };
}

/** Step `gradients`: rows, with what was decoded or encoded before forgotten, to rows of the table. */
export async function prepare({
  engine,
  rowCount,
  part,
  parts,
}: {
  engine: EngineUnderTest;
  rowCount: number;
  part: number;
  parts: number;
}): Promise<Record<string, () => unknown>> {
  const { config } = loadPreset('demo', { overrides: [`model.engine=${engine}`] });
  const models = new ModelHost();
  const dataset = await datasetOf(config, rowCount);
  const all = await batchesOf(config, models, dataset);
  const batches = all.filter((_, index) => index % parts === part);
  const model = await models.model(config, () => Promise.resolve());
  const computer = model.openGradients(adapterOf(model.decoder), { kind: 'sparse', sketch: 512, seed: 0 });
  const gradients = async (): Promise<Seconds> => {
    const [start, before] = [performance.now(), processorSeconds(process.pid)];
    const source = await examplesOf(config, dataset, model, models);
    const scope = await source.scope('bench', batches.flat());
    const found = workAhead(batches, {
      load: (rows) => source.examples(rows, scope),
      work: (rows, examples) => gradientRows(computer, config.gradients.storage, rows, examples),
      ahead: source.ahead,
    });
    let rowsDone = 0;
    for await (const [, { rowCount: done }] of found) rowsDone += done;
    await source.close();
    if (rowsDone !== batches.flat().length) throw new Error(`torch-demo: must take all rows, got ${rowsDone}`);
    return { wall: (performance.now() - start) / 1000, processor: processorSeconds(process.pid) - before };
  };
  return { gradients };
}

async function datasetOf({ dataset }: Config, maxRows: number): Promise<LocalDataset> {
  return { ...dataset, maxRows, sources: [await asSource(dataset.path[0]!, [dataset.imageFolder].flat()[0]!)] };
}

/** Usable rows by their length, as the script has them. */
async function batchesOf(config: Config, models: ModelHost, dataset: LocalDataset): Promise<UsableRow[][]> {
  const rows: UsableRow[] = [];
  for await (const chunk of scanDataset({
    dataset,
    encoder: await encoderOf(config, models),
    label: ({ task }) => task,
  }))
    for (const row of chunk)
      if (row.rejection === null)
        rows.push({ ...row, task: row.task ?? '', position: rows.length, microBatch: 0, shard: 0 });
  rows.sort((left, right) => left.tokenCount - right.tokenCount || left.position - right.position);
  const count = Math.max(1, Math.floor(rows.length / BATCH_ROWS));
  const startOf = (batch: number): number => Math.round((batch * rows.length) / count);
  return Array.from({ length: count }, (_, batch) => rows.slice(startOf(batch), startOf(batch + 1)));
}

/** LoRA of rank 16 on q, k, v and o, B not zero, as after training. */
function adapterOf({ layers }: DecoderLayers): AdapterValues {
  let draw = 0;
  const uniform = (): number => (((draw++ * 7919) % 9973) + 0.5) / 9973;
  const targets = ['q_proj', 'k_proj', 'v_proj', 'o_proj'] as const;
  const adapter = initialAdapter(layers, { rank: 16, alpha: 32, targets: [...targets] }, uniform);
  for (const { name, values } of adapter.parameters)
    if (name.endsWith('.lora_B')) values.forEach((_, index) => (values[index] = 0.04 * (uniform() - 0.5)));
  return adapter;
}
