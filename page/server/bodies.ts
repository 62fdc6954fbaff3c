// What a POST may carry, checked where it comes in.
import { z } from 'zod';
import { EXPORT_FORMS } from '../../contracts/export-forms.ts';
import type { ExportForm } from '../../contracts/export-forms.ts';
import { METHOD_NAMES } from '../../contracts/methods.ts';
import type { SelectionMethod } from '../../contracts/config.ts';
import type { AllRows, ChosenQuestion, ExportQuestion, RecipeText, WhatIfQuestion } from '../api.ts';
import { RefusedError } from './problems.ts';
import { rowConditions } from './row-query.ts';

/** Settings of one question. */
const MOST_SETTINGS = 50;

const setting = z
  .string()
  .max(1000)
  .regex(/^[a-z_]+(\.[a-z_]+)+=/, 'must be key.path=value')
  .refine((text) => !/^([a-z_.]*path|dataset\.exclude_rows)=/.test(text), 'must name no file');

const METHODS = [...METHOD_NAMES, 'auto'] as const;

/** {@link WhatIfQuestion} with a method that there is. */
export interface CheckedQuestion extends WhatIfQuestion {
  method: SelectionMethod | 'auto';
}

const whatIf: z.ZodType<CheckedQuestion> = z.strictObject({
  method: z.enum(METHODS),
  lambda: z.number().nullable(),
  budget: z.number().nullable(),
  filters: z.array(z.string().regex(/^[a-z_]{1,64}$/)).max(MOST_SETTINGS),
  settings: z.array(setting).max(MOST_SETTINGS),
  isKept: z.boolean().exactOptional(),
});

const rowList = z.array(z.number().int().min(0));

const allRows: z.ZodType<AllRows> = z.strictObject({ filter: rowConditions, except: rowList });

const chosen = { rows: rowList.nullable(), all: allRows.exactOptional() };

const exported: z.ZodType<ExportQuestion & { form: ExportForm }> = z.strictObject({
  form: z.enum(EXPORT_FORMS),
  ...chosen,
});

const excluded: z.ZodType<ChosenQuestion> = z.strictObject(chosen);

const recipe: z.ZodType<RecipeText> = z.strictObject({
  text: z.string(),
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}\.ya?ml$/, 'must be the name of a YAML file, without a folder'),
});

/** What each kind of question must be. */
export const BODIES = { whatIf, exported, excluded, recipe };

/** @throws RefusedError for what is no such question */
export function parseBody<Body>(schema: z.ZodType<Body>, body: unknown): Body {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new RefusedError(400, `request: ${issue!.path.join('.') || 'body'}: ${issue!.message}`);
}
