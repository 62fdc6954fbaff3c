// How long some rows take, tried.
import { createRandom } from '../../algorithms/random-stream.ts';
import type { Config } from '../../contracts/config.ts';
import type { Probe } from '../../contracts/plan.ts';
import type { CountedPlace } from '../../contracts/row-place.ts';
import { planMicroBatches } from '../../dataset/rows/micro-batches.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { initialAdapter } from '../../model/adapter.ts';
import { tokenCountOf } from '../../model/engine.ts';
import type { ModelExample } from '../../model/engine.ts';
import { examplesOf } from '../shared/compute-context.ts';
import type { ComputeDependencies } from '../shared/dependencies.ts';
import type { ExampleSource } from '../shared/examples.ts';
import { projectionOf } from '../gradients/table-place.ts';

const PROBED_ROWS = 8;

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
): Promise<Probe | null> {
  const model = await models.model(config.model, () => Promise.resolve());
  const { description } = await models.engine(config.model);
  const open = (): Promise<ExampleSource> => examplesOf(config, dataset, model, models);
  const readable = await readablePlaces(await open(), places);
  if (readable.length === 0) return null;
  const read = await readExamples(await open(), readable);
  const { loraRank: rank, loraAlpha: alpha, loraTarget: targets } = config.warmup;
  const random = createRandom('probe', 0);
  const adapter = initialAdapter(model.decoder.layers, { rank, alpha, targets }, () => random.uniform());
  const { tokenBudget } = config.gradients;
  const computer = model.openGradients(adapter, projectionOf(config));
  const lengths = read.examples.map(tokenCountOf);
  const batches = planMicroBatches(lengths, tokenBudget).map((batch) => batch.map((index) => read.examples[index]!));
  const compute = async (): Promise<void> => {
    for (const batch of batches) await computer.compute(batch);
  };
  await compute();
  const startedAt = performance.now();
  await compute();
  const seconds = (performance.now() - startedAt) / 1000;
  computer.dispose();
  const tokenCount = read.examples.reduce((sum, example) => sum + tokenCountOf(example), 0);
  return {
    engine: `${description.engine} ${description.libraryVersion} on ${description.device}`,
    rowCount: read.examples.length,
    tokenCount,
    secondsPerToken: seconds / tokenCount,
    secondsPerImage: read.imageCount === 0 ? 0 : read.imageSeconds / read.imageCount,
  };
}

/** The first rows whose pictures can be read; what is set up once is set up here. */
async function readablePlaces(source: ExampleSource, places: readonly CountedPlace[]): Promise<CountedPlace[]> {
  const readable: CountedPlace[] = [];
  for (const [index, place] of places.slice(0, MOST_TRIED).entries()) {
    if (readable.length === PROBED_ROWS) break;
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
