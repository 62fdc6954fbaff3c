// A recipe's text as a file, and what is said of one that is wrong.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { loadRecipe } from '../../../client/recipe/recipe.ts';
import { InvalidConfigError } from '../../../contracts/failures.ts';

/** @returns the file's path */
export function writeRecipe(folder: string, text: string, name = 'recipe.yaml'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** The message of the error that loading the file gives. */
export function refusalOf(path: string, overrides: string[] = []): string {
  try {
    loadRecipe(path, { overrides });
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidConfigError);
    return (error as Error).message;
  }
  throw new Error('must be refused, got a recipe');
}
