// The text of a new recipe, from answers and what was found of the rows.
import { relative, resolve } from 'node:path';
import type { ModelConfig } from '../../contracts/config.ts';
import type { FoundData } from '../data/look-at-data.ts';

/** File of the recipe's schema, beside the recipe. */
export const SCHEMA_FILE = 'tive.schema.json';

/** What a recipe is made of. */
export interface Answers {
  preset: string | null;
  model: string;
  template: ModelConfig['template'];
  data: string;
  images: string | null;
  taskField: string | null;
  /** Test rows; null: none. */
  test: string | null;
  testImages: string | null;
  budget: number;
}

/** @param folder of the recipe, which its paths are relative to */
export async function recipeText(answers: Answers, found: FoundData, folder: string): Promise<string> {
  const { preset, model, template, data, test, testImages, budget } = answers;
  const { stringify } = await import('yaml');
  const place = (path: string): string => relative(folder, resolve(path)) || '.';
  const images = found.images;
  const tested = testImages ?? images;
  const recipe = {
    ...(preset === null ? {} : { extends: preset }),
    model: { path: place(model), ...(template === 'auto' ? {} : { template }) },
    dataset: {
      path: place(data),
      ...(images === null ? {} : { image_folder: place(images) }),
      ...(preset === null || answers.taskField !== null ? labelsOf(found) : {}),
    },
    allocation: { budget_fraction: budget },
    ...(test === null
      ? {}
      : { evaluation: { path: place(test), ...(tested === null ? {} : { image_folder: place(tested) }) } }),
  };
  return `# yaml-language-server: $schema=./${SCHEMA_FILE}\n${stringify(recipe)}`;
}

/** Labels of the rows' own where they have some, else rules that tell tasks apart, else clusters of questions. */
export function labelsOf({ contents, taskField }: FoundData): Record<string, string | null> {
  if (taskField !== null) return { ...(taskField === 'dataset' ? {} : { task_field: taskField }), task_rules: null };
  if (contents.tasks['llava-1.5']['vqav2_okvqa'] !== undefined) return { task_rules: 'llava-1.5' };
  const folders = Object.keys(contents.tasks.prefix).filter((task) => task !== 'text' && task !== 'no_folder');
  return { task_rules: folders.length > 1 ? 'prefix' : 'cluster' };
}
