// Vectors of pictures on the host: by a graph where the tower is small.
import * as tf from '@tensorflow/tfjs';
import { patchSide, towerVectorCount } from '../architectures/architecture.ts';
import { MAX_ATTENTION_TABLE, MAX_GRAPH_VALUES } from '../memory/bounds.ts';
import { nativeCpu } from './graphs/binding.ts';
import type { NativeBackend } from './graphs/binding.ts';
import { Graph } from './graphs/graph.ts';
import type { LoadedModel } from './load-model.ts';
import { cutPatches, encodeImages, encodePatches, visionOf } from './vision-tower.ts';

/** Values that are there at once for each row of a tower's layer, in rows of its widest. */
const WIDE_ROWS = 16;

/**
 * Vectors `[picture · imageTokenCount, hidden]` of pictures `[3, imageSize, imageSize]` each.
 *
 * By a graph where tower and pictures are small. Which are follows from shapes alone, beside the engine, since it
 * decides over bits.
 */
export function pictureVectors(model: LoadedModel, pictures: readonly Float32Array[]): Float32Array {
  const backend = nativeCpu();
  if (backend === null || !areSmall(model, pictures.length)) {
    const tensor = encodeImages(model, pictures);
    const values = tensor.dataSync<'float32'>();
    tensor.dispose();
    return values;
  }
  const graph = model.weights.graph('pictures', () => pictureGraph(model, backend));
  const patches = cutPatches(visionOf(model.config), pictures);
  return graph.run({ picture: pictures.length }, { patches })['vectors'] as Float32Array;
}

function areSmall({ config, weights }: LoadedModel, pictureCount: number): boolean {
  const vision = visionOf(config);
  const rowCount = pictureCount * towerVectorCount(vision);
  const widest = WIDE_ROWS * rowCount * Math.max(vision.intermediateSize, vision.hiddenSize);
  const table = rowCount * vision.headCount * towerVectorCount(vision);
  return Math.max(widest, weights.valueCount) <= MAX_GRAPH_VALUES && table <= MAX_ATTENTION_TABLE;
}

function pictureGraph(model: LoadedModel, backend: NativeBackend): Graph {
  const vision = visionOf(model.config);
  const [patchCount, width] = [patchSide(vision) ** 2, 3 * vision.patchSize ** 2];
  return new Graph(backend, {
    sizes: ['picture'],
    inputs: { patches: { shape: ['picture', patchCount, width], type: 'float32' } },
    make: ({ picture }, { patches }) => {
      const rows: tf.Tensor2D = tf.reshape(patches!, [picture! * patchCount, width]);
      return { vectors: encodePatches(model, rows, picture!) };
    },
  });
}
