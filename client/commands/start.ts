// `tive init` and `tive schema`: a recipe to begin with.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { Command, Option } from '@commander-js/extra-typings';
import { TEMPLATES } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { FoundData } from '../data/look-at-data.ts';
import { labelsOf, recipeText, SCHEMA_FILE } from '../recipe/new-recipe.ts';
import type { Answers } from '../recipe/new-recipe.ts';
import { EXIT } from '../terminal/outcome.ts';
import { hint } from '../terminal/own-command.ts';
import { grouped, printable } from '../terminal/terminal-text.ts';
import { askRecipe, EXTENDED_PRESETS, shareProblem } from './ask-recipe.ts';

/** Share of missing pictures above which no recipe is written. */
const MOST_MISSING = 0.5;

/** `tive init`: a recipe for one's own data and model. */
export function initCommand() {
  return new Command('init')
    .description('write a recipe for your data and model, and its schema for editors; asks for what is not given')
    .addOption(new Option('--preset <preset>', 'recipe to build on').choices(EXTENDED_PRESETS))
    .option('--model <folder>', 'model folder in Hugging Face layout')
    .addOption(new Option('--template <template>', 'prompt that the model was trained with').choices(TEMPLATES))
    .option('--data <path>', 'file or folder of the rows')
    .option('--images <folder>', 'folder of the pictures; without it they are looked for beside the rows')
    .option('--task-field <key>', 'key that holds the task; without it known keys are tried')
    .option('--test <file>', 'test rows, by which the choice is measured')
    .option('--test-images <folder>', 'folder of their pictures; without it that of the rows')
    .option('--budget <share>', 'share of the rows to keep, in (0, 1]')
    .option('--without-pictures', 'write the recipe though most pictures are missing here')
    .option('-o, --output <file>', 'recipe to write', 'recipe.yaml')
    .action(async ({ output, withoutPictures = false, ...options }) => {
      if (existsSync(output))
        throw new InvalidConfigError(
          `init: output must be a new file, got "${output}", which exists; name another with -o`,
        );
      const answers = await answersOf(options);
      if (answers === null) {
        process.exitCode = EXIT.interrupted;
        return;
      }
      const { requireModel } = await import('../../activities/shared/model-checks.ts');
      const { recipeJsonSchema } = await import('../recipe/json-schema.ts');
      const { lookAtData } = await import('../data/look-at-data.ts');
      await requireModel(answers.model);
      requireFiles(answers);
      const found = await lookAtData(answers.data, answers.images, answers.taskField);
      if (!withoutPictures) requirePictures(found, answers);
      const folder = dirname(resolve(output));
      await writeFile(output, await recipeText(answers, found, folder));
      await writeFile(join(folder, SCHEMA_FILE), `${JSON.stringify(recipeJsonSchema(), null, 2)}\n`);
      process.stdout.write(`${startLines(answers, found, output).join('\n')}\n`);
    });
}

/** `tive schema`: the recipe's JSON schema. */
export function schemaCommand() {
  return new Command('schema').description('print the JSON schema of recipes, for editors').action(async () => {
    const { recipeJsonSchema } = await import('../recipe/json-schema.ts');
    process.stdout.write(`${JSON.stringify(recipeJsonSchema(), null, 2)}\n`);
  });
}

interface InitOptions {
  preset?: string | undefined;
  model?: string | undefined;
  template?: Answers['template'] | undefined;
  data?: string | undefined;
  images?: string | undefined;
  taskField?: string | undefined;
  test?: string | undefined;
  testImages?: string | undefined;
  budget?: string | undefined;
}

/** What was given, and on a terminal what is asked for where model or data are not. @returns null: no more */
async function answersOf(options: InitOptions): Promise<Answers | null> {
  const { model, data, preset, template, images, taskField, test, testImages, budget } = options;
  const share = budget === undefined ? undefined : Number(budget);
  const given = { preset, model, template, data, images, taskField, test, testImages, budget: share };
  if (model !== undefined && data !== undefined) {
    return {
      model,
      data,
      preset: preset ?? null,
      template: template ?? 'auto',
      images: images ?? null,
      taskField: taskField ?? null,
      test: test ?? null,
      testImages: testImages ?? null,
      budget: share ?? 0.15,
    };
  }
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw new InvalidConfigError('init: --model and --data must be given where nobody can be asked, got less');
  return askRecipe(given);
}

function requireFiles({ test, testImages, budget }: Answers): void {
  if (shareProblem(String(budget)) !== undefined)
    throw new InvalidConfigError(`allocation.budget_fraction: must be in (0, 1], got ${budget}`);
  if (test !== null && !existsSync(test))
    throw new InvalidConfigError(`evaluation.path: file must exist, got "${test}"`);
  if (testImages !== null && !existsSync(testImages))
    throw new InvalidConfigError(`evaluation.image_folder: folder must exist, got "${testImages}"`);
}

/** @throws InvalidConfigError where most pictures are not there */
function requirePictures({ contents, images }: FoundData, { data }: Answers): void {
  const { imageCount, missingImageCount, missingImages } = contents;
  if (missingImageCount <= MOST_MISSING * imageCount) return;
  const example = missingImages[0] === undefined ? '' : `, for instance ${printable(missingImages[0])}`;
  throw new InvalidConfigError(
    `dataset.image_folder: most pictures must be there, got ${grouped(missingImageCount)} of ${grouped(imageCount)} missing ` +
      `${images === null ? `beside ${data}` : `below ${images}`}${example}; name their folder with --images, ` +
      'or write the recipe all the same with --without-pictures',
  );
}

function startLines(answers: Answers, found: FoundData, output: string): string[] {
  const { contents, images, fileCount, testFiles } = found;
  const pictures = images === null || answers.images !== null ? '' : ` (found in ${relative('.', images) || '.'})`;
  const files = fileCount === 1 ? '' : ` in ${grouped(fileCount)} files`;
  const forms = Object.keys(contents.forms).join(', ');
  const tests = testFiles.map((path) => relative('.', path)).join(', ');
  return [
    `${grouped(contents.rowCount)} rows${files} (${forms}), ${grouped(contents.missingImageCount)} pictures missing${pictures}`,
    taskLine(found),
    ...(answers.test !== null
      ? []
      : [
          `no test rows: the run will not show how good its choice is; set evaluation.path${tests === '' ? '' : `, to ${tests} perhaps`}`,
        ]),
    `${output} and ${SCHEMA_FILE} are written`,
    `look: ${hint('plan', output)}`,
    `run:  ${hint('run', output)}`,
  ];
}

function taskLine(found: FoundData): string {
  const { contents, taskField } = found;
  const labelCount = Object.keys(contents.labels).length;
  if (taskField !== null)
    return `tasks: ${grouped(labelCount)} by the rows’ own "${printable(taskField)}"; another key with --task-field`;
  return `tasks: by ${labelsOf(found)['task_rules']}, as no key of the rows holds them; name one with --task-field`;
}
