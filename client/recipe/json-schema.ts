// The recipe's JSON schema for editors.
import { z } from 'zod';
import type { JsonObject } from '../../contracts/json-object.ts';
import { PRESETS } from './presets.ts';
import { recipeSchema } from './recipe-schema.ts';

/**
 * The recipe's JSON schema for editors (draft 2020-12): keys, types, ranges, choices and defaults. No key is required,
 * since a preset or a file that is extended may give it; `tive run` holds the whole recipe against the rules.
 */
export function recipeJsonSchema(): JsonObject {
  const schema = withoutRequired(
    z.toJSONSchema(recipeSchema, { io: 'input', unrepresentable: 'any' }) as unknown as JsonObject,
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
      ...(schema['properties'] as JsonObject),
    },
  };
}

function withoutRequired(value: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(value, (key, item: unknown) => (key === 'required' && Array.isArray(item) ? undefined : item)),
  ) as JsonObject;
}
