// Recipes that are written in the page: checked, planned, and run as a command of their own.
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { stringify } from 'yaml';
import { recipeJsonSchema } from '../../client/recipe/json-schema.ts';
import { loadRecipeText } from '../../client/recipe/recipe.ts';
import { planInProcess } from '../../client/runs/plan-in-process.ts';
import { runFolderOf } from '../../client/runs/run-folder.ts';
import { startInBackground } from '../../client/runs/start-run.ts';
import { hint } from '../../client/terminal/own-command.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { RunPlan } from '../../contracts/plan.ts';
import { LocalStore } from '../../store/local-store.ts';
import type { CheckedRecipe, RecipeText, Said } from '../api.ts';
import { RefusedError } from './problems.ts';

/** Recipes of one folder. */
export class Recipes {
  readonly #folder: string;
  /** What the page has written, by name: it may write these again. */
  readonly #written = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What is wrong with a recipe, or what it is with all defaults. */
  check({ text, name }: RecipeText): CheckedRecipe {
    const command = hint('run', this.#shown(name));
    try {
      const { config, runName } = loadRecipeText(join(this.#folder, name), text);
      return { findings: [], resolved: stringify(withDiskNames(config)), runName, command };
    } catch (error) {
      if (!(error instanceof InvalidConfigError)) throw error;
      const findings = error.message.split('\n').map((message) => ({ message, key: keyOf(message) }));
      return { findings, resolved: null, runName: null, command };
    }
  }

  /** As `tive plan`. @throws InvalidConfigError for a recipe that is wrong */
  async plan({ text, name }: RecipeText): Promise<RunPlan> {
    const { config, notes } = loadRecipeText(join(this.#folder, name), text);
    const question = { config, withProbe: true, until: 'report' as const, processCount: null };
    const plan = await planInProcess(question, () => undefined);
    return { ...plan, warnings: [...notes, ...plan.warnings] };
  }

  /**
   * Saves a recipe and starts `tive run`, which goes on when the page ends.
   * @throws InvalidConfigError for a recipe that is wrong, or a run that does not begin
   * @throws RefusedError where the name is that of a file that the page has not written
   */
  async run({ text, name }: RecipeText): Promise<Said> {
    const path = join(this.#folder, name);
    const { config, runName } = loadRecipeText(path, text);
    await this.#write(name, text);
    await startInBackground(path, runFolderOf(config, runName).path);
    return { message: `${runName} has begun`, runName, command: hint('run', this.#shown(name)) };
  }

  /** Saves a recipe as it is, right or not. @throws RefusedError as {@link Recipes.run} */
  async save({ text, name }: RecipeText): Promise<Said> {
    await this.#write(name, text);
    const shown = this.#shown(name);
    return { message: `saved as ${shown}`, runName: null, command: hint('run', shown) };
  }

  async #write(name: string, text: string): Promise<void> {
    const there = await readFile(join(this.#folder, name), 'utf8').catch(() => null);
    if (there !== null && there !== text && there !== this.#written.get(name))
      throw new RefusedError(
        409,
        `recipe: name must be a new file's, got "${name}", which holds another recipe; name another`,
      );
    await new LocalStore(this.#folder).write(name, [Buffer.from(text)]);
    this.#written.set(name, text);
  }

  /** As it is named in the folder where commands are typed. */
  #shown(name: string): string {
    return relative(process.cwd(), join(this.#folder, name));
  }
}

/** Sections of recipes. */
const SECTIONS = new Set(Object.keys(recipeJsonSchema()['properties'] as object));

/** The key that a finding is about, `gradients.sketch`; null for the whole. */
export function keyOf(message: string): string | null {
  const found = [...message.matchAll(/(?:^| )([a-z_]+(?:\.[a-z_]+)*):/g)].map(([, key]) => key!);
  return found.find((key) => SECTIONS.has(key.split('.')[0]!)) ?? null;
}
