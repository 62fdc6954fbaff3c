// What heavy activities make of a config: prompt encoder, source of examples, test dataset.
import type { Config, DatasetConfig } from '../../contracts/config.ts';
import { pictureChanger } from '../../dataset/images/change-picture.ts';
import { imageNotes, readImageSettings } from '../../dataset/images/image-settings.ts';
import type { ImageSettings } from '../../dataset/images/image-settings.ts';
import { ExampleLoader } from '../../dataset/rows/load-example.ts';
import { WrittenRowLoader } from '../../dataset/rows/load-written.ts';
import { createProcessorEncoder } from '../../dataset/prompts/processor-encoder.ts';
import type { ProcessorEncoder } from '../../dataset/prompts/processor-encoder.ts';
import { createPromptEncoder } from '../../dataset/prompts/prompt.ts';
import type { PromptEncoder, TextEncoder } from '../../dataset/prompts/prompt.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { readArchitecture } from '../../model/architectures/read-architecture.ts';
import type { EngineModel, RowProcessor } from '../../model/engine.ts';
import { RowExamples, TokenExamples } from './examples.ts';
import type { ExampleSource } from './examples.ts';
import type { ModelHost } from './model-host.ts';

/** The prompt encoder of a config's model; its notes tell of the model's pictures too. */
export async function encoderOf(config: Config, models: ModelHost): Promise<PromptEncoder> {
  const { processor } = await models.describe(config.model);
  return processor === null ? tokenEncoder(config) : processorEncoder(config, processor);
}

async function tokenEncoder({ model, gradients }: Config): Promise<TextEncoder> {
  const { imageTokenCount, imageTokenId, imageFrame, text, vision } = await readArchitecture(model.path);
  const pictures = vision === null ? [] : imageNotes(await readImageSettings(model.path));
  const encoder = await createPromptEncoder({
    modelFolder: model.path,
    template: model.template,
    imageTokenCount,
    imageTokenId,
    imageFrame,
    vocabularySize: text.vocabularySize,
    cutoffLen: gradients.cutoffLen,
  });
  return { ...encoder, notes: () => [...pictures, ...encoder.notes()] };
}

function processorEncoder({ model, gradients }: Config, processor: RowProcessor): ProcessorEncoder {
  const process = (rows: Parameters<RowProcessor['encode']>[0]) => processor.encode(rows, gradients.cutoffLen);
  return createProcessorEncoder({ template: model.template, texts: processor.texts, process });
}

/** Rows of `dataset` as the loaded model of the config takes them. The caller closes it. */
export async function examplesOf(
  config: Config,
  dataset: LocalDataset,
  model: EngineModel,
  models: ModelHost,
): Promise<ExampleSource> {
  const { processor } = await models.describe(config.model);
  const change = pictureChanger(config.model.path);
  if (processor !== null) {
    const encoder = processorEncoder(config, processor);
    return new RowExamples(new WrittenRowLoader(dataset, encoder, change), encoder, config.gradients.cutoffLen);
  }
  const { vision } = await readArchitecture(config.model.path);
  const settings = vision === null ? null : await readImageSettings(config.model.path);
  const encoder = await tokenEncoder(config);
  const aspect = imageAspectOf(config, settings);
  return new TokenExamples(model, new ExampleLoader(dataset, encoder, settings, aspect, change), encoder);
}

/** `auto` does as the model's own image processor. */
export function imageAspectOf({ model }: Config, settings: ImageSettings | null): 'pad' | 'crop' {
  return model.imageAspect === 'auto' ? (settings?.aspect ?? 'crop') : model.imageAspect;
}

/** Test rows as a dataset: the same form, another file. */
export function evaluationDataset({ dataset, evaluation }: Config): DatasetConfig {
  const path = [evaluation.path ?? []].flat();
  return {
    ...dataset,
    path,
    imageFolder: evaluation.imageFolder,
    maxRows: evaluation.maxRows,
    excludeTasks: [],
    excludeRows: null,
  };
}
