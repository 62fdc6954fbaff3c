// `tive init` and `tive schema`: a recipe to begin with.
import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { Command, Option } from '@commander-js/extra-typings';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { SOURCE_EXTENSIONS } from '../../dataset/readers/readers.ts';
import { sum } from '../data/sum.ts';
import type { InspectedData } from '../data/inspect-data.ts';
import { EXIT } from '../terminal/outcome.ts';
import { PRESETS, PRESET_SUMMARIES } from '../recipe/presets.ts';
import { grouped } from '../terminal/terminal-text.ts';

const SCHEMA_FILE = 'tive.schema.json';

/** Presets that a recipe of one's own builds on. */
const EXTENDED_PRESETS = Object.keys(PRESETS).filter((name) => name !== 'demo');

/** What a recipe is made of. */
interface Answers {
  preset: string | null;
  model: string;
  data: string;
  images: string | null;
  budget: number;
}

/** `tive init`: a recipe for one's own data and model. */
export function initCommand() {
  return new Command('init')
    .description('write a recipe for your data and model, and its schema for editors; asks for what is not given')
    .addOption(new Option('--preset <preset>', 'recipe to build on').choices(EXTENDED_PRESETS))
    .option('--model <folder>', 'model folder in Hugging Face layout')
    .option('--data <path>', 'file or folder of the rows')
    .option('--images <folder>', 'folder of the pictures; without it that of the rows')
    .option('--budget <share>', 'share of the rows to keep, in (0, 1]', '0.15')
    .option('-o, --output <file>', 'recipe to write', 'recipe.yaml')
    .action(async ({ preset, model, data, images, budget, output }) => {
      if (existsSync(output))
        throw new InvalidConfigError(
          `init: output must be a new file, got "${output}", which exists; name another with -o`,
        );
      const given = { preset: preset ?? null, images: images ?? null, budget: Number(budget) };
      const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
      if ((model === undefined || data === undefined) && !isTerminal)
        throw new InvalidConfigError('init: --model and --data must be given where nobody can be asked, got less');
      const answers =
        model !== undefined && data !== undefined ? { ...given, model, data } : await ask({ ...given, model, data });
      if (answers === null) {
        process.exitCode = EXIT.interrupted;
        return;
      }
      const { requireModel } = await import('../../activities/shared/model-checks.ts');
      const { recipeJsonSchema } = await import('../recipe/json-schema.ts');
      await requireModel(answers.model);
      const found = await lookAt(answers);
      await writeFile(output, await recipeText(answers, found, dirname(resolve(output))));
      await writeFile(join(dirname(resolve(output)), SCHEMA_FILE), `${JSON.stringify(recipeJsonSchema(), null, 2)}\n`);
      process.stdout.write(`${startLines(found, output).join('\n')}\n`);
    });
}

/** `tive schema`: the recipe's JSON schema. */
export function schemaCommand() {
  return new Command('schema').description('print the JSON schema of recipes, for editors').action(async () => {
    const { recipeJsonSchema } = await import('../recipe/json-schema.ts');
    process.stdout.write(`${JSON.stringify(recipeJsonSchema(), null, 2)}\n`);
  });
}

/** @returns null where the person has had enough */
async function ask(given: { [Key in keyof Answers]: Answers[Key] | undefined }): Promise<Answers | null> {
  const { cancel, intro, outro, select, text } = await import('@clack/prompts');
  intro('a recipe for your data and model');
  const answer = async (
    known: string | null | undefined,
    question: () => Promise<string | symbol>,
  ): Promise<string | null> => {
    if (known !== null && known !== undefined) return known;
    const value = await question();
    if (typeof value === 'string') return value;
    cancel('no recipe was written');
    return null;
  };
  const must = (kind: 'file' | 'folder') => (value: string | undefined) =>
    value !== undefined && existsSync(value) ? undefined : `must be a ${kind} that exists`;
  const model = await answer(given.model, () =>
    text({ message: 'Folder of the model (Hugging Face layout, safetensors)', validate: must('folder') }),
  );
  if (model === null) return null;
  const data = await answer(given.data, () =>
    text({ message: `Rows: a ${SOURCE_EXTENSIONS} file, or a folder of them`, validate: must('file') }),
  );
  if (data === null) return null;
  const images = await answer(given.images, () =>
    text({ message: 'Folder of the pictures (empty: where the rows are)', defaultValue: '' }),
  );
  if (images === null) return null;
  const preset = await answer(given.preset, () =>
    select({
      message: 'Built on',
      options: [
        { value: '', label: 'nothing', hint: 'the defaults' },
        ...EXTENDED_PRESETS.map((name) => ({ value: name, label: name, hint: PRESET_SUMMARIES[name]! })),
      ],
    }),
  );
  if (preset === null) return null;
  const share = await answer(null, () =>
    text({
      message: 'Share of the rows to keep, in (0, 1]',
      initialValue: String(given.budget),
      validate: mustBeShare,
    }),
  );
  if (share === null) return null;
  outro('looking at the rows');
  return {
    model,
    data,
    images: images === '' ? null : images,
    preset: preset === '' ? null : preset,
    budget: Number(share),
  };
}

function mustBeShare(value: string | undefined): string | undefined {
  return Number(value) > 0 && Number(value) <= 1 ? undefined : 'must be a number in (0, 1]';
}

/** What the rows hold; null for a folder, whose files are read by the run. */
async function lookAt({ data, images, budget }: Answers): Promise<InspectedData | null> {
  const found = await stat(data).catch(() => null);
  if (found === null) throw new InvalidConfigError(`dataset.path: file must exist, got "${data}"`);
  if (images !== null && !existsSync(images))
    throw new InvalidConfigError(`dataset.image_folder: folder must exist, got "${images}"`);
  if (mustBeShare(String(budget)) !== undefined)
    throw new InvalidConfigError(`allocation.budget_fraction: must be in (0, 1], got ${budget}`);
  if (!found.isFile()) return null;
  const { inspectData } = await import('../data/inspect-data.ts');
  return inspectData([data], images, 'dataset');
}

async function recipeText(
  { preset, model, data, images, budget }: Answers,
  found: InspectedData | null,
  folder: string,
): Promise<string> {
  const { stringify } = await import('yaml');
  const place = (path: string): string => relative(folder, resolve(path)) || '.';
  const recipe = {
    ...(preset === null ? {} : { extends: preset }),
    model: { path: place(model) },
    dataset: {
      path: place(data),
      ...(images === null ? {} : { image_folder: place(images) }),
      ...(preset === null ? labelsOf(found) : {}),
    },
    allocation: { budget_fraction: budget },
  };
  return `# yaml-language-server: $schema=./${SCHEMA_FILE}\n${stringify(recipe)}`;
}

/** Labels of the rows' own where they have some, else rules that tell tasks apart, else clusters of questions. */
function labelsOf(found: InspectedData | null): Record<string, string | null> {
  if (found === null) return {};
  const labelledCount = sum(found.labels);
  if (labelledCount > 0 && labelledCount >= found.rowCount - sum(found.reasons)) return { task_rules: null };
  if (found.keys['task_name'] !== undefined) return { task_field: 'task_name', task_rules: null };
  if (found.tasks['llava-1.5']['vqav2_okvqa'] !== undefined) return { task_rules: 'llava-1.5' };
  const folders = Object.keys(found.tasks.prefix).filter((task) => task !== 'text' && task !== 'no_folder');
  return { task_rules: folders.length > 1 ? 'prefix' : 'cluster' };
}

function startLines(found: InspectedData | null, output: string): string[] {
  const rows =
    found === null ? [] : [`${grouped(found.rowCount)} rows, ${grouped(found.missingImageCount)} pictures missing`];
  return [...rows, `${output} and ${SCHEMA_FILE} are written`, `look: tive plan ${output}`, `run:  tive run ${output}`];
}
