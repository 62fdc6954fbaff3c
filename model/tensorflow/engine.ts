// TensorFlow behind the seam.
import type { TensorflowEngine } from '../../contracts/config.ts';
import type { AdapterValues } from '../adapter.ts';
import type { Engine, EngineModel, Scorer } from '../engine.ts';
import { cacheBytesOf, processMemory } from '../memory/machine-memory.ts';
import { disposeAdapter, toTensors } from './adapter-tensors.ts';
import { loadBackend } from './backend.ts';
import { scoreExamples } from './evaluate.ts';
import { generateAnswers } from './generate.ts';
import { openGradients } from './gradient-computer.ts';
import { hostTrainer } from './host-trainer.ts';
import { adapterGradient } from './adapter-gradient.ts';
import { ImageFeatures } from './image-features.ts';
import { describeTokenModel } from '../describe-token-model.ts';
import { linearLayers } from '../weight-shapes.ts';
import { loadModel } from './load-model.ts';
import { tokenExamples } from './micro-batch.ts';
import type { LoadedModel } from './load-model.ts';

/** @throws InvalidConfigError as `loadBackend` */
export async function loadTensorflow(name: 'auto' | TensorflowEngine): Promise<Engine> {
  const backend = await loadBackend(name);
  return {
    ...backend,
    loadModel: async (folder, breathe) => engineModel(await loadModel(folder, breathe)),
    describeModel: describeTokenModel,
    isLost: () => false,
    dispose: () => Promise.resolve(),
  };
}

/** A loaded model behind the seam. */
export function engineModel(model: LoadedModel): EngineModel {
  return {
    folder: model.folder,
    decoder: { path: model.config.decoderPath, layers: linearLayers(model.config.text) },
    whileWaiting: () => undefined,
    openPictures: (readPixels) => new ImageFeatures(model, readPixels, cacheBytesOf(processMemory())),
    openGradients: (adapter, projection, moments) => openGradients(model, adapter, projection, moments ?? null),
    openTraining: (start, settings, resumed) => {
      const initial = start.parameters.map(({ values }) => values);
      return hostTrainer(initial, adapterGradient(model, start), settings, resumed);
    },
    openScoring: (adapter) => openScoring(model, adapter),
    dispose: () => model.weights.dispose(),
  };
}

function openScoring(model: LoadedModel, values: AdapterValues | null): Scorer {
  const adapter = values === null ? null : toTensors(values, model.weights);
  return {
    score: (examples) => Promise.resolve(scoreExamples(model, adapter, tokenExamples(examples))),
    generate: (examples, settings) =>
      Promise.resolve(generateAnswers(model, adapter, tokenExamples(examples), settings)),
    dispose: () => {
      if (adapter !== null) disposeAdapter(adapter);
    },
  };
}
