import { z } from 'zod';
import { PRESETS } from './presets.ts';
import { recipeSchema } from './recipe-schema.ts';

type JsonSchema = { [key: string]: unknown };

/**
 * The recipe's JSON schema for editors (draft 2020-12): keys, types, ranges, choices and defaults. No key is required,
 * since a preset or a file that is extended may give it; `tive run` holds the whole recipe against the rules.
 */
export function recipeJsonSchema(): JsonSchema {
  const schema = withoutRequired(
    z.toJSONSchema(recipeSchema, { io: 'input', unrepresentable: 'any' }) as unknown as JsonSchema,
  );
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Recipe of tive',
    ...schema,
    properties: {
      extends: {
        description: `a preset (${Object.keys(PRESETS).join(', ')}) or a recipe file`,
        type: ['string', 'null'],
      },
      ...(schema['properties'] as JsonSchema),
    },
  };
}

function withoutRequired(value: JsonSchema): JsonSchema {
  return JSON.parse(
    JSON.stringify(value, (key, item: unknown) => (key === 'required' && Array.isArray(item) ? undefined : item)),
  ) as JsonSchema;
}
