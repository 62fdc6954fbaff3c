// `tive data stress`: a dataset under conditions under which selectors are tried.
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { STRESS_CONDITIONS, STRESS_KINDS, STRESS_NAMES } from '../../contracts/stress.ts';
import { writing } from '../terminal/interrupt.ts';
import { hint } from '../terminal/own-command.ts';
import { grouped } from '../terminal/terminal-text.ts';

export function stressCommand() {
  return new Command('stress')
    .description(
      `write a recipe's dataset with flaws that are known:\n${STRESS_NAMES.map((name) => `  ${name}: ${STRESS_CONDITIONS[name].summary}; strength: ${STRESS_CONDITIONS[name].strength}`).join('\n')}`,
    )
    .argument('<recipe>', 'recipe file')
    .argument('[settings...]', 'key.path=value, which win over the recipe')
    .requiredOption('-o, --output <folder>', 'new folder')
    .addOption(new Option('--condition <name>', 'what is done').choices(STRESS_NAMES).makeOptionMandatory())
    .option('--strength <number>', 'how much of it; each condition has its own default', parseNumber)
    .option('--seed <number>', 'which rows', parseNumber, 0)
    .action(async (recipe, overrides, { output, condition, strength, seed }) => {
      const { fallback, range } = STRESS_CONDITIONS[condition];
      const given = strength ?? fallback;
      if (!(given >= range[0] && given <= range[1]))
        throw new InvalidConfigError(
          `--strength: must be from ${range[0]} to ${range[1]} for ${condition}, got ${given}`,
        );
      const { loadRecipe } = await import('../recipe/recipe.ts');
      const { stressData } = await import('../data/stress-data.ts');
      const { config } = loadRecipe(recipe, { overrides });
      const options = { condition, strength: given, seed };
      const { kinds, leftOutCount, recipePath } = await writing(() => stressData(config, output, options));
      const lines = STRESS_KINDS.filter((kind) => kinds[kind] !== undefined).map(
        (kind) => `${kind.padEnd(12)} ${grouped(kinds[kind]!)} rows`,
      );
      if (leftOutCount > 0) lines.push(`left out     ${grouped(leftOutCount)} rows that cannot be used`);
      process.stdout.write(`${[...lines, hint('benchmark', recipePath)].join('\n')}\n`);
    });
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError(`must be a number of at least 0, got "${text}"`);
}
