// Per-example gradients, projected as the backward pass meets their pieces.
import { createProjector, sketchWidth } from '../../algorithms/projection.ts';
import { gradientLayout } from '../adapter.ts';
import type { AdapterValues } from '../adapter.ts';
import type { ExampleGradients, GradientComputer, ProjectionSettings, TokenExample } from '../engine.ts';
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
): GradientComputer {
  const { places, length: parameterCount } = gradientLayout(values);
  const sketch = sketchWidth(projection, parameterCount);
  const projector = createProjector({ ...projection, sketch, parameterCount });
  const adapter = toTensors(values, model.weights);
  const recomputed = recomputation(model, values, projection);
  const compute = (examples: readonly TokenExample[]): ExampleGradients => {
    const sums = new Float64Array(examples.length * sketch);
    const squares = new Float64Array(examples.length);
    const receive: GradientReceiver = (example, start, piece) => {
      squares[example]! += addSquares(0, piece);
      projector.add(start, piece, sums, example * sketch);
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
