// The presets: recipes that others build on.
import { fileURLToPath } from 'node:url';
import type { Recipe } from './recipe-schema.ts';

/** A recipe of which any part may be missing. */
export type PartialRecipe = { [Section in keyof Recipe]?: Partial<Recipe[Section]> };

/** A file of `examples/`, seen from the sources and from the build. */
function example(path: string): string {
  const up = import.meta.url.endsWith('.ts') ? '../../' : '../../../';
  return fileURLToPath(new URL(`${up}examples/${path}`, import.meta.url));
}

/** What each preset is for, in a line. */
export const PRESET_SUMMARIES: Readonly<Record<string, string>> = {
  demo: 'the bundled pictures and model, in minutes on two cores',
  'llava-1.5-665k': 'the mixture of LLaVA-1.5 as published: tasks by folder and prompt, pictures padded',
  'vision-flan': 'rows carry their task in task_name; ids repeat',
  bunny: 'LLaVA JSON without labels: the first folder of the picture’s path is the task',
  'tive-released': 'the released scripts of the paper: lambda is so small that the choice inside a task is uniform',
};

/** Recipes to build on: `extends: NAME`. */
export const PRESETS: Readonly<Record<string, PartialRecipe>> = {
  demo: {
    run: { name: 'demo' },
    model: { path: example('demo/model') },
    dataset: { path: [example('demo/data/train.json')], image_folder: example('demo/data/images'), task_rules: null },
    warmup: { epochs: 3, batch_size: 16, learning_rate: 3e-3, lora_rank: 16, lora_alpha: 32 },
    gradients: { cutoff_len: 256, sketch: 512, token_budget: 2560, shard_rows: 512 },
    finetune: { epochs: 3, batch_size: 16, learning_rate: 3e-3 },
    evaluation: { path: example('demo/data/test.json'), image_folder: example('demo/data/images') },
  },
  'llava-1.5-665k': {
    dataset: { task_rules: 'llava-1.5' },
    model: { template: 'vicuna_v1', image_aspect: 'pad' },
  },
  'vision-flan': { dataset: { task_field: 'task_name', task_rules: null } },
  bunny: { dataset: { task_rules: 'prefix' } },
  'tive-released': {
    model: { template: 'vicuna_v1', image_aspect: 'pad' },
    dataset: { exclude_tasks: ['textcaps'] },
    warmup: { epochs: 1, batch_size: 128, learning_rate: 2e-5 },
    gradients: { projection: 'rademacher' },
    allocation: { budget_base: 'all', overflow: 'repeat', rounding: 'truncate' },
    selection: { lambda: 0.001 },
    finetune: { epochs: 1, batch_size: 128, learning_rate: 2e-5 },
  },
};
