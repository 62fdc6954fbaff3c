import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadRecipe } from '../../../client/recipe/recipe.ts';
import { InvalidConfigError } from '../../../contracts/failures.ts';

const RECIPE = join(import.meta.dirname, '../../../examples/recipes/tiny-task.yaml');

test('copies with changed pictures are refused where no row comes again', () => {
  expect(loadRecipe(RECIPE).config.allocation).toMatchObject({ overflow: 'repeat', augment: 'pictures' });
  expect(() => loadRecipe(RECIPE, { overrides: ['allocation.overflow=redistribute'] })).toThrow(
    new InvalidConfigError(
      'tiny-task.yaml:15:3 allocation.augment: pictures needs overflow: repeat, got redistribute; set it, or none',
    ),
  );
  const none = ['allocation.overflow=redistribute', 'allocation.augment=none'];
  expect(loadRecipe(RECIPE, { overrides: none }).config.allocation.augment).toBe('none');
});
