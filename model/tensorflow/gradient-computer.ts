// Per-example gradients, projected as the backward pass meets their pieces.
import { adamDirection } from '../../algorithms/adam-preconditioner.ts';
import type { GradientMoments } from '../../algorithms/adam-preconditioner.ts';
import { createProjector, sketchWidth } from '../../algorithms/projection.ts';
import { gradientLayout } from '../adapter.ts';
import type { AdapterValues, ParameterPlace } from '../adapter.ts';
import { requireWholeGradients } from '../adam-moments.ts';
import type { AdamMoments, ExampleGradients, GradientComputer, ProjectionSettings, TokenExample } from '../engine.ts';
import { disposeAdapter, toTensors } from './adapter-tensors.ts';
import { exampleGradients } from './example-gradients.ts';
import type { GradientReceiver } from './example-gradients.ts';
import type { LoadedModel } from './load-model.ts';
import { tokenExamples } from './micro-batch.ts';
import { recomputation } from './recomputation.ts';
import { addSquares } from './squares.ts';

/**
 * Differs: pieces of a gradient are projected in the order in which the backward pass meets them, last layer first,
 * since keeping whole gradients would need the memory of all parameters for every example.
 */
export function openGradients(
  model: LoadedModel,
  values: AdapterValues,
  projection: ProjectionSettings,
  moments: AdamMoments | null = null,
): GradientComputer {
  const { places, length: parameterCount } = gradientLayout(values);
  const sketch = sketchWidth(projection, parameterCount);
  if (moments !== null) requireWholeGradients(projection);
  const scaling = moments === null ? null : flatMoments(values, places, parameterCount, moments);
  const projector = createProjector({ ...projection, sketch, parameterCount });
  const adapter = toTensors(values, model.weights);
  const recomputed = recomputation(model, values, projection);
  const compute = (examples: readonly TokenExample[]): ExampleGradients => {
    const sums = new Float64Array(examples.length * sketch);
    const squares = new Float64Array(examples.length);
    const receive: GradientReceiver = (example, start, piece) => {
      squares[example]! += addSquares(0, piece);
      const scaled = scaling === null ? piece : adamDirection(piece, start, scaling);
      projector.add(start, scaled, sums, example * sketch);
    };
    const scalars = exampleGradients(model, adapter, places, examples, receive, recomputed);
    return {
      loss: Float64Array.from(scalars, ({ loss }) => loss),
      supervisedTokenCount: Uint32Array.from(scalars, ({ supervisedTokenCount }) => supervisedTokenCount),
      gradientNorm: squares.map(Math.sqrt),
      el2n: Float64Array.from(scalars, ({ el2n }) => el2n),
      sketch: Float32Array.from(sums),
    };
  };
  return {
    sketch,
    compute: (examples) => Promise.resolve(compute(tokenExamples(examples))),
    dispose: () => disposeAdapter(adapter),
  };
}

/** The moments of the gradient vector's coordinates, which are some of the adapter's parameters. */
function flatMoments(
  { parameters }: AdapterValues,
  places: readonly ParameterPlace[],
  length: number,
  { beta1, beta2, first, second }: AdamMoments,
): GradientMoments {
  const index = new Map(parameters.map(({ name }, place) => [name, place]));
  const flat = (arrays: readonly Float32Array[]): Float32Array => {
    const values = new Float32Array(length);
    for (const { name, start } of places) values.set(arrays[index.get(name)!]!, start);
    return values;
  };
  return { beta1, beta2, first: flat(first), second: flat(second) };
}
