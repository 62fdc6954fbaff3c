// What heavy activities make of a config: prompt encoder, loader of examples, test dataset.
import type { Config, DatasetConfig } from '../../contracts/config.ts';
import { imageNotes, readImageSettings } from '../../dataset/images/image-settings.ts';
import type { ImageSettings } from '../../dataset/images/image-settings.ts';
import { ExampleLoader } from '../../dataset/rows/load-example.ts';
import { createPromptEncoder } from '../../dataset/prompts/prompt.ts';
import type { PromptEncoder } from '../../dataset/prompts/prompt.ts';
import type { LocalDataset } from '../../dataset/rows/row-source.ts';
import { readArchitecture } from '../../model/architectures/read-architecture.ts';

/** The prompt encoder of a config's model; its notes tell of the model's pictures too. */
export async function encoderOf({ model, gradients }: Config): Promise<PromptEncoder> {
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

/** Reads rows of `dataset` again, as the model of the config sees them. The caller closes it. */
export async function loaderOf(config: Config, dataset: LocalDataset): Promise<ExampleLoader> {
  const { vision } = await readArchitecture(config.model.path);
  const settings = vision === null ? null : await readImageSettings(config.model.path);
  const encoder = await encoderOf(config);
  return new ExampleLoader(dataset, encoder, settings, imageAspectOf(config, settings));
}

/** `auto` does as the model's own image processor. */
export function imageAspectOf({ model }: Config, settings: ImageSettings | null): 'pad' | 'crop' {
  return model.imageAspect === 'auto' ? (settings?.aspect ?? 'crop') : model.imageAspect;
}

/** Test rows as a dataset: the same form, another file. */
export function evaluationDataset({ dataset, evaluation }: Config): DatasetConfig {
  const path = [evaluation.path ?? []].flat();
  return { ...dataset, path, imageFolder: evaluation.imageFolder, maxRows: evaluation.maxRows, excludeTasks: [] };
}
