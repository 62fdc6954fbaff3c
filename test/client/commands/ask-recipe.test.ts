import { expect, test, vi } from 'vitest';
import { askRecipe } from '../../../client/commands/ask-recipe.ts';
import type { GivenAnswers } from '../../../client/commands/ask-recipe.ts';

/** What a person types by the beginning of the question; Enter alone elsewhere. */
let typed: Record<string, string> = {};

vi.mock('@clack/prompts', () => {
  const answer = ({ message, initialValue }: { message: string; initialValue?: string }): Promise<string> =>
    Promise.resolve(Object.entries(typed).find(([start]) => message.startsWith(start))?.[1] ?? initialValue ?? '');
  const nothing = (): void => undefined;
  return { intro: nothing, outro: nothing, cancel: nothing, isCancel: () => false, text: answer, select: answer };
});

const NOTHING_GIVEN: GivenAnswers = {
  preset: undefined,
  model: undefined,
  template: undefined,
  data: undefined,
  images: undefined,
  taskField: undefined,
  test: undefined,
  testImages: undefined,
  budget: undefined,
};

test('questions that are passed over leave nothing undefined', async () => {
  typed = { 'Folder of the model': 'my-model', 'Rows:': 'rows.json', Prompt: 'auto' };
  expect(await askRecipe(NOTHING_GIVEN)).toEqual({
    preset: null,
    model: 'my-model',
    template: 'auto',
    data: 'rows.json',
    images: null,
    taskField: null,
    test: null,
    testImages: null,
    budget: 0.15,
  });
});

test('pictures of test rows are asked for where there are test rows, and what was given is not asked for', async () => {
  typed = { 'Folder of the test rows': 'shots', 'Rows:': 'never asked' };
  expect(await askRecipe({ ...NOTHING_GIVEN, data: 'rows.json', test: 'test.json' })).toMatchObject({
    data: 'rows.json',
    test: 'test.json',
    testImages: 'shots',
  });
});
