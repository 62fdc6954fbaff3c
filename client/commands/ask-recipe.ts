// The questions of `tive init`.
import { existsSync } from 'node:fs';
import { TEMPLATES } from '../../contracts/config.ts';
import { SOURCE_EXTENSIONS } from '../../dataset/readers/readers.ts';
import { PRESETS, PRESET_SUMMARIES } from '../recipe/presets.ts';
import type { Answers } from '../recipe/new-recipe.ts';

/** Presets that a recipe of one's own builds on. */
export const EXTENDED_PRESETS = Object.keys(PRESETS).filter((name) => name !== 'demo');

/** What was said on the command line. */
export type GivenAnswers = { [Key in keyof Answers]: Answers[Key] | undefined };

const TEMPLATE_HINTS = {
  auto: 'the chat template of the model’s folder, else vicuna_v1',
  vicuna_v1: 'as LLaVA-1.5 was trained, also where its folder has a chat template',
  chat_template: 'the folder’s, which must be there',
} as const;

/** Asks for what is not given. @returns null where the person has had enough */
export async function askRecipe(given: GivenAnswers): Promise<Answers | null> {
  const { cancel, intro, isCancel, outro, select, text } = await import('@clack/prompts');
  intro('a recipe for your data and model');
  const must = (kind: string) => (value: string | undefined) =>
    value !== undefined && existsSync(value) ? undefined : `must be a ${kind} that exists`;
  const mayBe = (kind: string) => (value: string | undefined) =>
    value === undefined || value === '' ? undefined : must(kind)(value);
  const questions: { [Key in keyof Answers]: () => Promise<string | symbol> } = {
    model: () => text({ message: 'Folder of the model (Hugging Face layout, safetensors)', validate: must('folder') }),
    template: () =>
      select({
        message: 'Prompt that the model was trained with',
        options: TEMPLATES.map((value) => ({ value, label: value, hint: TEMPLATE_HINTS[value] })),
      }),
    data: () =>
      text({ message: `Rows: a ${SOURCE_EXTENSIONS} file, or a folder of them`, validate: must('file or folder') }),
    images: () =>
      text({
        message: 'Folder of the pictures (empty: looked for beside the rows)',
        defaultValue: '',
        validate: mayBe('folder'),
      }),
    taskField: () => text({ message: 'Key of a row that holds its task (empty: looked for)', defaultValue: '' }),
    test: () =>
      text({
        message: 'Test rows, by which the choice is measured (empty: none, then it is not)',
        defaultValue: '',
        validate: mayBe('file'),
      }),
    testImages: () =>
      text({
        message: 'Folder of the test rows’ pictures (empty: that of the rows)',
        defaultValue: '',
        validate: mayBe('folder'),
      }),
    preset: () =>
      select({
        message: 'Built on',
        options: [
          { value: '', label: 'nothing', hint: 'the defaults' },
          ...EXTENDED_PRESETS.map((name) => ({ value: name, label: name, hint: PRESET_SUMMARIES[name]! })),
        ],
      }),
    budget: () =>
      text({ message: 'Share of the rows to keep, in (0, 1]', initialValue: '0.15', validate: shareProblem }),
  };
  const said: Record<string, unknown> = { ...given };
  for (const [key, question] of Object.entries(questions)) {
    // Without test rows they have no pictures.
    if (said[key] !== undefined || (key === 'testImages' && said['test'] === null)) continue;
    const value = await question();
    if (isCancel(value)) {
      cancel('no recipe was written');
      return null;
    }
    said[key] = key === 'budget' ? Number(value) : value === '' ? null : value;
  }
  outro('looking at the rows');
  // Every other key was given or asked for.
  return { ...said, testImages: said['testImages'] ?? null } as Answers;
}

/** Why a text is no share; undefined where it is one. */
export function shareProblem(value: string | undefined): string | undefined {
  return Number(value) > 0 && Number(value) <= 1 ? undefined : 'must be a number in (0, 1]';
}
