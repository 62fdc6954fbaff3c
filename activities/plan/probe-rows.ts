// How long some rows take, tried.
import { createRandom } from '../../algorithms/random-stream.ts';
import type { Config } from '../../contracts/config.ts';
import type { Probe } from '../../contracts/plan.ts';
import type { CountedPlace } from '../../contracts/row-place.ts';
import { planMicroBatches } from '../../dataset/rows/micro-batches.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { initialAdapter } from '../../model/adapter.ts';
import { tokenCountOf } from '../../model/engine.ts';
import type { GradientComputer, ModelExample } from '../../model/engine.ts';
import { examplesOf } from '../shared/compute-context.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import type { ExampleSource } from '../shared/examples.ts';
import { projectionOf } from '../gradients/table-place.ts';

const PROBED_ROWS = 8;

/** What takes longer needs no more rows. */
const SLOW_SECONDS = 5;
/** What takes longer needs no warming up either. */
const VERY_SLOW_SECONDS = 60;

/** Of rows that cannot be read, a picture missing for instance, the next is taken. */
const MOST_TRIED = 64;

/**
 * Takes the gradients of a few rows with a fresh adapter, once to warm up and once with the clock running.
 * @returns null where none of the rows can be read
 */
export async function probeRows(
  config: Config,
  { models }: ComputeDependencies,
  dataset: LocalDataset,
  places: readonly CountedPlace[],
  tokenBudget: number,
): Promise<Probe | null> {
  const model = await models.model(config, () => Promise.resolve());
  const { description } = await models.engine(config.model);
  const open = (): Promise<ExampleSource> => examplesOf(config, dataset, model, models);
  const readable = await readablePlaces(await open(), places);
  if (readable.length === 0) return null;
  const read = await readExamples(await open(), readable);
  const { loraRank: rank, loraAlpha: alpha, loraTarget: targets } = config.warmup;
  const random = createRandom('probe', 0);
  const adapter = initialAdapter(model.decoder.layers, { rank, alpha, targets }, () => random.uniform());
  const computer = model.openGradients(adapter, projectionOf(config));
  const lengths = read.examples.map(tokenCountOf);
  const batches = planMicroBatches(lengths, tokenBudget).map((batch) => batch.map((index) => read.examples[index]!));
  const { examples, seconds } = await timeBatches(computer, batches);
  computer.dispose();
  const tokenCount = examples.reduce((sum, example) => sum + tokenCountOf(example), 0);
  return {
    engine: `${description.engine} ${description.libraryVersion} on ${description.device}`,
    rowCount: examples.length,
    tokenCount,
    secondsPerToken: seconds / tokenCount,
    secondsPerImage: read.imageCount === 0 ? 0 : read.imageSeconds / read.imageCount,
  };
}

/**
 * Takes all micro-batches once to warm up and once with the clock running. Of a slow model the first one is enough, and
 * the shorter of two times: what began slow may have waited for others.
 */
async function timeBatches(
  computer: GradientComputer,
  batches: readonly ModelExample[][],
): Promise<{ examples: ModelExample[]; seconds: number }> {
  const time = async (some: readonly ModelExample[][]): Promise<number> => {
    const startedAt = performance.now();
    for (const batch of some) await computer.compute(batch);
    return (performance.now() - startedAt) / 1000;
  };
  const first = await time(batches.slice(0, 1));
  if (first > SLOW_SECONDS) {
    const again = first > VERY_SLOW_SECONDS ? first : await time(batches.slice(0, 1));
    return { examples: batches[0]!, seconds: Math.min(first, again) };
  }
  await time(batches.slice(1));
  return { examples: batches.flat(), seconds: await time(batches) };
}

/** The first rows whose pictures can be read; what is set up once is set up here. */
async function readablePlaces(source: ExampleSource, places: readonly CountedPlace[]): Promise<CountedPlace[]> {
  const readable: CountedPlace[] = [];
  const startedAt = performance.now();
  for (const [index, place] of places.slice(0, MOST_TRIED).entries()) {
    const isSlow = performance.now() - startedAt > 1000 * SLOW_SECONDS;
    if (readable.length === PROBED_ROWS || (isSlow && readable.length > 0)) break;
    try {
      await source.examples([place], await source.scope(`row ${index}`, [place]));
      readable.push(place);
    } catch {
      continue;
    }
  }
  await source.close();
  return readable;
}

/** Pictures are encoded in groups, as the run does it. */
async function readExamples(
  source: ExampleSource,
  places: readonly CountedPlace[],
): Promise<{ examples: ModelExample[]; imageCount: number; imageSeconds: number }> {
  const scope = await source.scope('probe', places);
  const startedAt = performance.now();
  const examples = await source.examples(places, scope);
  const imageSeconds = (performance.now() - startedAt) / 1000;
  await source.close();
  return { examples, imageCount: scope.images.length, imageSeconds };
}
